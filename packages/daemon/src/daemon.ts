import { rmSync } from "node:fs"
import { join } from "node:path"
import type { HostPaths } from "@skerry/model"
import { Connection, type Handlers, type LogRow } from "@skerry/rpc"
import { Admission } from "./admission.ts"
import { Agent, type Identity } from "./agent.ts"
import { type BackendOpener, Backends } from "./backends.ts"
import { type Calls, type CallsOptions, openCalls } from "./calls/open-calls.ts"
import { Clipboard } from "./clipboard.ts"
import { clipboardHandlers } from "./clipboard-service.ts"
import { ClockWatch } from "./clock-watch.ts"
import { DescriptorDesk, type ReceiveMessage } from "./descriptor-desk.ts"
import { DomainEvents } from "./domain-events.ts"
import type { DomainPlan } from "./domain-plan.ts"
import { Domains } from "./domains.ts"
import { type GenerationSource, Generations } from "./generations.ts"
import { HomeLock, type TryLock } from "./home-lock.ts"
import { IdleWatch } from "./idle-watch.ts"
import { Journals } from "./journals.ts"
import { DAEMON_LIMITS } from "./limits.ts"
import { listenLocally, type PeerUid } from "./server.ts"
import { adminHandlers } from "./service.ts"
import { type Blank, type DomainMould, StandbyPool } from "./standby.ts"
import { Templates } from "./templates.ts"
import type { FileServerHosts } from "./trees/file-server.ts"
import { openTrees, type Trees } from "./trees/open-trees.ts"

/** Linux calls that Node lacks; from packages/linux in the product. */
export interface HostCalls {
  readonly tryLock: TryLock
  readonly peerUid: PeerUid
  readonly receiveMessage: ReceiveMessage
  /** For pipes between domains; undefined: calls use streams alone. */
  readonly pipes?: CallsOptions["pipes"]
}

export interface DaemonOptions {
  readonly paths: HostPaths
  readonly uid: number
  readonly generations: GenerationSource
  readonly backends: readonly BackendOpener[]
  readonly fileServers: FileServerHosts
  /** Home of the account that the daemon runs for: what "~/" means. */
  readonly home: string
  readonly host: HostCalls
  readonly now: () => number
  readonly monotonicMs: () => number
  readonly randomBytes: (count: number) => Uint8Array
  readonly memoryBytes: (pid: number) => Promise<number | undefined>
  /** With nothing running and nobody connected for so long, the daemon ends; Infinity: never. */
  readonly idleMs: number
  readonly standbyQuietMs?: number
  /** Of services that the user wrote. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** For tests: the first wait before a file server is started anew. */
  readonly restartMs?: number
  /** For tests: what counts as a minute between versions. */
  readonly minuteMs?: number
  /** Where policy files lie, the most important directory first. */
  readonly policyDirectories: readonly string[]
  /** What the backends share; called after they were disposed of. */
  readonly releaseHost?: () => Promise<void>
  /** Hears of everything that is logged for any domain. */
  readonly onRow?: (row: LogRow) => void
  /** Hears of what should not have happened, and is no domain's. */
  readonly onNotice?: (text: string) => void
}

export interface Daemon {
  /** Begins the orderly end: every domain is ended. More than once is harmless. */
  end(): Promise<void>
  /** Resolves when the daemon has ended, also by itself. */
  readonly ended: Promise<void>
}

export const SOCKET_NAME = "skerryd.sock"
export const DESCRIPTOR_SOCKET_NAME = "descriptors.sock"

/** Resolves when clients can connect. Fails with HomeError, and then has changed nothing. */
export async function openDaemon(options: DaemonOptions): Promise<Daemon> {
  const { paths, uid, host, now, randomBytes } = options
  const { runtime } = paths
  await using stack = new AsyncDisposableStack()
  // Given back last: until then no other daemon may take what is being cleared away.
  stack.use(HomeLock.take(runtime, uid, host.tryLock))

  // Nearly last, so that a client which asked for the end sees when it has come.
  const connections = new Set<Connection>()
  stack.defer(() => {
    for (const connection of connections) connection.close()
  })
  stack.defer(async () => options.releaseHost?.())
  const backends = stack.use(new Backends(options.backends))
  const journals = new Journals(now, options.onRow)
  let settings = DEFAULTS_BEFORE_A_GENERATION
  const generations = new Generations(options.generations, (current) => {
    settings = current.system.settings
    const digests = new Set([...current.images.values()].map((image) => image.digest))
    templates.keepOnly(digests)
    standby.keepOnly(digests)
  })
  const admission = new Admission(() => settings.limits)
  const templates = stack.use(new Templates())
  const notice = (text: string) => options.onNotice?.(text)
  const events = new DomainEvents()
  const word = (length: number) =>
    Array.from(randomBytes(length), (byte) => (byte % 32).toString(32)).join("")

  const freshIdentity = (hostName: string): Identity => ({
    entropy: randomBytes(64),
    hostName,
    machineId: Buffer.from(randomBytes(16)).toString("hex"),
  })

  const startFresh = (mould: DomainMould, id: DomainPlan["id"], signal: AbortSignal): Promise<Blank> =>
    templates.hold({ ...mould, signal }, async (template) => {
      let console: (untrustedText: string) => void = () => {}
      const request = {
        id,
        limits: mould.limits,
        onConsole: (untrustedText: string) => console(untrustedText),
      }
      const domain = await mould.backend.start(template, request, signal)
      const agent = new Agent(domain.channel, now)
      return {
        domain,
        agent,
        setConsole: (onConsole) => {
          console = onConsole
        },
      }
    })

  const standby = stack.use(
    new StandbyPool({
      settings: () => settings.standby,
      quiet: () => admission.quiet(),
      memoryBytes: options.memoryBytes,
      ...(options.standbyQuietMs === undefined ? {} : { quietMs: options.standbyQuietMs }),
      make: async (mould, signal) => {
        const blank = await startFresh(mould, `standby-${word(8)}` as DomainPlan["id"], signal)
        try {
          const inTime = AbortSignal.any([signal, AbortSignal.timeout(DAEMON_LIMITS.identifyMs)])
          await blank.agent.rehearse(freshIdentity("skerry"), inTime)
          return blank
        } catch (error) {
          await blank.domain[Symbol.asyncDispose]()
          throw error
        }
      },
    }),
  )

  const idle = stack.use(new IdleWatch(options.idleMs, () => void end()))
  const trees: Trees = openTrees({
    ...options,
    hosts: options.fileServers,
    generations,
    domains: () => domains,
    events,
    audit: () => calls.audit,
    onNotice: notice,
    onFewer: () => idle.look(),
  })
  const domains: Domains = new Domains({
    generations,
    backends,
    journals,
    randomWord: () => word(6),
    onEmpty: () => idle.look(),
    services: {
      admission,
      prepare: (mould, signal) => templates.hold({ ...mould, signal }, async () => {}),
      start: async ({ mould, id }, signal) => (await standby.take(mould)) ?? startFresh(mould, id, signal),
      identityOf: ({ instance }) => freshIdentity(instance),
      now,
      trees: trees.ofDomains,
      onState: (driver) => events.emit(driver),
      onCall: (driver, untrustedParams, state) => calls.fromDomain(driver, untrustedParams, state),
    },
  })
  idle.isBusy = () => domains.all.length > 0 || connections.size > 0 || trees.isNeeded
  stack.use(
    new ClockWatch({
      wallMs: now,
      monotonicMs: options.monotonicMs,
      onJump: () => {
        for (const driver of domains.all) driver.dispatch({ kind: "clockJumped" })
      },
    }),
  )

  const calls: Calls = openCalls({
    ...options,
    generations,
    domains,
    events,
    settings: () => settings.calls,
    onNotice: notice,
    pipes: host.pipes,
  })
  stack.defer(() => calls.end())
  // Before the audit log, which hears of what was granted until then.
  stack.defer(() => trees.end())
  const clipboard = stack.use(new Clipboard(options.monotonicMs))

  const desk = stack.use(new DescriptorDesk({ receive: host.receiveMessage, freshToken: () => word(32) }))
  const descriptorServer = await listenLocally({
    path: join(runtime, DESCRIPTOR_SOCKET_NAME),
    uid,
    peerUid: host.peerUid,
    isPaused: true,
    onSocket: (socket, descriptor) => desk.onConnection(socket, descriptor),
  })
  stack.defer(() => closeServer(descriptorServer, join(runtime, DESCRIPTOR_SOCKET_NAME)))

  const serve: Handlers = [
    ...calls.handlers,
    ...trees.handlers,
    ...clipboardHandlers(clipboard, (source, target) =>
      calls.decide(source, { service: "qubes.ClipboardPaste", argument: "", target }),
    ),
    ...adminHandlers({
      domains,
      generations,
      backends,
      admission,
      templates,
      standby,
      journals,
      desk,
      now,
      startedAt: now(),
      memoryBytes: options.memoryBytes,
      shutDown: () => end(),
    }),
  ]
  const server = await listenLocally({
    path: join(runtime, SOCKET_NAME),
    uid,
    peerUid: host.peerUid,
    isPaused: false,
    onSocket(socket) {
      const connection = new Connection(socket, { serve })
      connections.add(connection)
      void connection.closed.then(() => {
        connections.delete(connection)
        idle.look()
      })
    },
  })
  // First of all: who connects from now on must find no socket, and so start the next daemon.
  stack.defer(() => closeServer(server, join(runtime, SOCKET_NAME)))
  idle.look()

  const owned = stack.move()
  const finished = Promise.withResolvers<void>()
  let ending: Promise<void> | undefined
  const end = (): Promise<void> => {
    ending ??= (async () => {
      await domains.end()
      await owned.disposeAsync()
    })()
    ending.then(finished.resolve, finished.reject)
    return ending
  }
  return { end, ended: finished.promise }
}

function closeServer(server: { close(): unknown }, path: string): void {
  server.close()
  rmSync(path, { force: true })
}

/** In force until the first generation was read, which is before the first start. */
const DEFAULTS_BEFORE_A_GENERATION = {
  standby: { perImage: 0, memoryMiB: 0 },
  limits: { domains: 1, startsAtOnce: 1, startsWaiting: 1 },
  calls: { atOnce: 1, perSecond: 1, burst: 1, promptSeconds: 1, depth: 1 },
}
