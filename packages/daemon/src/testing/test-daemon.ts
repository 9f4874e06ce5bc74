import assert from "node:assert/strict"
import { randomBytes } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Readable } from "node:stream"
import { text } from "node:stream/consumers"
import { FakeBackend, type FakeOptions, type ImageFiles } from "@skerry/isolation"
import {
  type ApplicationName,
  type Digest,
  type HostPaths,
  type InstanceName,
  type Level,
  type Settings,
  SYSTEM_VERSION,
  type System,
} from "@skerry/model"
import {
  ADMIN,
  type CommandDown,
  type CommandResult,
  type CommandSpec,
  Connection,
  type Method,
  RemoteError,
} from "@skerry/rpc"
import { type Daemon, type DaemonOptions, openDaemon, SOCKET_NAME } from "../daemon.ts"
import type { Current } from "../generations.ts"
import { FakeFileServers } from "./fake-file-servers.ts"
import { type AgentRecord, serveScriptedAgent } from "./scripted-agent.ts"

export const never = new AbortController().signal

export const SETTINGS: Settings = {
  standby: { perImage: 0, memoryMiB: 1024 },
  limits: { domains: 64, startsAtOnce: 4, startsWaiting: 512 },
  defaultDisposable: null,
  calls: { atOnce: 256, perSecond: 1000, burst: 2000, promptSeconds: 120, depth: 8 },
  state: {
    server: "process",
    snapshotMinutes: 0,
    keep: { last: 10, hourly: 24, daily: 7, weekly: 4, monthly: 12, yearly: 10 },
    limitMiB: null,
  },
}

export function tinySystem(settings: Partial<Settings> = {}): System {
  const instance = (isolation: Level) => ({
    application: "tools" as ApplicationName,
    grants: [],
    isolation,
    memoryMiB: 128,
    vcpus: 1,
    processes: 64,
    cpuWeight: 100,
    tags: [],
    disposableTemplate: false,
    defaultDisposable: null,
  })
  return {
    version: SYSTEM_VERSION,
    applications: {
      ["tools" as ApplicationName]: {
        source: {
          kind: "debian",
          suite: "bookworm",
          mirror: "host",
          components: ["main"],
          packages: [],
          documentation: false,
          locales: [],
        },
        command: ["show"],
        environment: { FROM: "application", KEPT: "yes" },
        user: "user",
        workingDirectory: "/home/user",
      },
    },
    resources: {},
    instances: {
      ["mail" as InstanceName]: instance("vm"),
      ["bank" as InstanceName]: instance("vm"),
      ["light" as InstanceName]: instance("process"),
      ["pdf" as InstanceName]: { ...instance("vm"), disposableTemplate: true },
    },
    settings: { ...SETTINGS, ...settings },
  }
}

export const imageOf = (letter: string): ImageFiles => ({
  digest: `sha256:${letter.repeat(64)}` as Digest,
  name: "tools",
  kernel: { path: "/nonexistent", digest: `sha256:${letter.repeat(64)}` as Digest },
  initramfs: { path: "/nonexistent", digest: `sha256:${letter.repeat(64)}` as Digest },
  layers: [],
})

export const generation = (number: number, system: System, letter = "a"): Current => ({
  number,
  system,
  images: new Map([["tools" as ApplicationName, imageOf(letter)]]),
})

export interface TestDaemon extends AsyncDisposable {
  readonly daemon: Daemon
  readonly backend: FakeBackend
  readonly files: FakeFileServers
  readonly paths: HostPaths
  readonly record: AgentRecord
  /** What the next request finds on disk. */
  current: Current | undefined
  /** The host's wall clock runs ahead of the true time by this. */
  wallOffsetMs: number
  /** Lets time go by at once, on both clocks. */
  pass(milliseconds: number): void
  connect(): Connection
}

/** Host calls for tests within one process, where a lock cannot exclude anybody: the kernel's are tried in test/. */
export const hostCalls: DaemonOptions["host"] = {
  tryLock: () => true,
  peerUid: () => process.getuid?.() ?? 0,
  receiveMessage: () => undefined,
}

export async function startTestDaemon(
  options: { settings?: Partial<Settings>; fake?: Partial<FakeOptions>; more?: Partial<DaemonOptions> } = {},
): Promise<TestDaemon> {
  const folder = mkdtempSync(join(tmpdir(), "skerry-daemon-"))
  const paths: HostPaths = {
    configuration: join(folder, "config"),
    state: join(folder, "state"),
    cache: join(folder, "cache"),
    runtime: join(folder, "run"),
  }
  const record: AgentRecord = {
    told: [],
    entropy: [],
    machineIds: [],
    clocks: [],
    callIds: [],
    agents: new Map(),
    unmounts: "at once",
  }
  const backend = new FakeBackend({
    serveAgent: (channel) => serveScriptedAgent(channel, record),
    ...options.fake,
  })
  const files = new FakeFileServers()
  const connections: Connection[] = []
  let passedMs = 0
  const test: { current: Current | undefined; wallOffsetMs: number } = {
    current: generation(1, tinySystem(options.settings)),
    wallOffsetMs: 0,
  }
  const daemon = await openDaemon({
    paths,
    uid: process.getuid?.() ?? 0,
    generations: {
      stamp: async () => test.current && String(test.current.number),
      load: async () => test.current as Current,
    },
    environment: {},
    policyDirectories: [join(paths.configuration, "policy.d")],
    backends: [{ name: "fake", level: "vm", open: async () => backend }],
    fileServers: { process: files, vm: undefined },
    home: join(folder, "home"),
    restartMs: 1,
    host: hostCalls,
    now: () => Date.now() + passedMs + test.wallOffsetMs,
    monotonicMs: () => performance.now() + passedMs,
    randomBytes,
    memoryBytes: async () => 1024 * 1024,
    idleMs: Number.POSITIVE_INFINITY,
    standbyQuietMs: 0,
    ...options.more,
  })
  return Object.assign(test, {
    daemon,
    backend,
    files,
    paths,
    record,
    pass(milliseconds: number) {
      passedMs += milliseconds
    },
    connect() {
      const connection = new Connection(connect(join(paths.runtime, SOCKET_NAME)))
      connections.push(connection)
      return connection
    },
    async [Symbol.asyncDispose]() {
      for (const connection of connections) connection.close()
      await daemon.end()
      rmSync(folder, { recursive: true })
    },
  })
}

export const command = (...argv: string[]): CommandSpec => ({
  argv,
  environment: [],
  terminal: undefined,
  workingDirectory: undefined,
  user: undefined,
  offersDescriptors: false,
})

export interface Ran {
  readonly result: CommandResult
  readonly stdout: string
  readonly stderr: string
  readonly events: readonly CommandDown[]
}

/** Runs a command to its end with `input`. */
export async function run(
  connection: Connection,
  instance: string,
  spec: CommandSpec,
  options: { isDisposable?: boolean; input?: string } = {},
): Promise<Ran> {
  const events: CommandDown[] = []
  const params = { instance, isDisposable: options.isDisposable ?? true, command: spec }
  const call = connection.call(ADMIN.run, params, { onEvent: (event) => events.push(event) })
  call.stdin.on("error", () => {}) // a command need not read its input
  call.stdin.end(options.input ?? "")
  const output = Promise.all([text(call.stdout), text(call.stderr)])
  output.catch(() => {}) // the result says what went wrong
  const result = await call.result
  const [stdout, stderr] = await output
  return { result, stdout, stderr, events }
}

/** The lines of a listing. */
export async function list<P, Row>(
  connection: Connection,
  method: Method<P, undefined, undefined, undefined>,
  params: P,
): Promise<Row[]> {
  const call = connection.call(method, params)
  return rows<Row>(call.stdout)
}

async function rows<Row>(stream: Readable): Promise<Row[]> {
  const lines = (await text(stream)).split("\n").filter((line) => line !== "")
  return lines.map((line) => JSON.parse(line) as Row)
}

/** For assert.rejects. */
export const failsWith = (code: string, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof RemoteError, String(error))
  assert.equal(error.code, code)
  assert.match(error.message, message)
  return true
}
