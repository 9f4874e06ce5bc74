import { closeSync, realpathSync } from "node:fs"
import type { PortHandler } from "@skerry/loop"
import { CallFailure, type CallState, describeFailure, type Exit, service } from "@skerry/rpc"
import { BECOMES, PROGRAMS_FILE } from "@skerry/services/becomes"
import { decode, encode } from "@skerry/wire"
import type { Account } from "../accounts.ts"
import { runOnHostPipes, runOnPipes } from "../command.ts"
import { commandEnvironment } from "../environment.ts"
import type { ExecHost } from "../exec.ts"
import type { CommandSpec } from "../process.ts"
import { findProgram } from "../program.ts"
import { type FoundService, findService, readServiceConfig, type ServicePlaces } from "./find-service.ts"
import { fullName, type ServiceParams, serviceDescriptor, serviceEnvironment } from "./service-environment.ts"
import { SocketService } from "./socket-service.ts"

export interface ServiceHost extends ExecHost {
  readonly places: ServicePlaces
  /** For bytes on their way, of one read at a time. */
  readonly scratch: Buffer
}

const EXIT_0 = encode(service.result, { exit: { kind: "code", code: 0 } })
/** A server's process is not ours to know. */
const STARTED = encode(service.down, { kind: "started", pid: 0 })
const STARTED_ON_STREAMS = encode(service.down, { kind: "startedOnStreams" })
const NO_PREFACE = new Uint8Array(0)

/** Runs one service to its end. Fails with one of ServiceFailureCode. */
export function serviceHandler(host: ServiceHost, mayRun: () => boolean): PortHandler {
  return {
    id: service.id,
    start(call, untrustedParams) {
      const params = decode(service.params, untrustedParams)
      let stop = () => {}
      call.listen({ onEvent: () => {}, onCancel: () => stop(), onEnd: () => {} })
      try {
        if (!mayRun()) {
          throw new CallFailure(
            "not-identified",
            "Cannot run a service before the domain has been identified",
          )
        }
        stop = start(host, params, call)
      } catch (error) {
        call.finish("fail", describeFailure(error))
      }
    },
  }
}

/** Gives what ends the service early. */
function start(host: ServiceHost, params: ServiceParams, call: CallState): () => void {
  // Before anything can fail: what came for this call is this call's to close.
  const pipes = params.pipes === 0 ? undefined : takePipes(host, params.pipes)
  try {
    return serve(host, params, call, pipes)
  } catch (error) {
    for (const fd of pipes ?? []) closeSync(fd)
    throw error
  }
}

/** stdin and stdout. */
type Pipes = readonly [number, number]

function takePipes({ descriptors }: ServiceHost, label: number): Pipes {
  const [stdin, stdout] = descriptors?.takeExactly(label, 2) ?? []
  if (stdin !== undefined && stdout !== undefined) return [stdin, stdout]
  throw new CallFailure("no-descriptors", "Pipes were announced for this call, and did not come")
}

function serve(
  host: ServiceHost,
  params: ServiceParams,
  call: CallState,
  pipes: Pipes | undefined,
): () => void {
  const config = readServiceConfig(host.places, params.service, params.argument)
  const account = accountOf(host, config.forceUser ?? params.user)
  const found = findService(host.places, params.service, params.argument, account)
  if (found.kind === "program") return startProgram(host, params, { path: found.path, account, call, pipes })
  for (const fd of pipes ?? []) closeSync(fd)
  const socket = new SocketService(host, {
    connect: () => connect(host, found),
    name: fullName(params),
    call,
    preface: config.skipServiceDescriptor ? NO_PREFACE : serviceDescriptor(params),
    exitOnClientEof: config.exitOnClientEof,
    exitOnServiceEof: config.exitOnServiceEof,
    scratch: host.scratch,
    onEnd(failure) {
      if (failure === undefined) call.finish("return", EXIT_0)
      else call.finish("fail", describeFailure(failure))
    },
  })
  if (params.progress) call.sendEvent(pipes === undefined ? STARTED : STARTED_ON_STREAMS)
  // Answered, for nobody: the caller is told by its own side.
  return () => {
    socket.close()
    call.finish("return", EXIT_0)
  }
}

function connect({ linux }: ServiceHost, found: Exclude<FoundService, { kind: "program" }>) {
  return found.kind === "socket" ? linux.connectUnix(found.path) : linux.connectTcp(found.host, found.port)
}

interface ServiceProgram {
  readonly path: string
  readonly account: Account
  readonly call: CallState
  readonly pipes: Pipes | undefined
}

function startProgram(host: ServiceHost, params: ServiceParams, program: ServiceProgram): () => void {
  const { path, account, call, pipes } = program
  const environment = commandEnvironment(
    { environment: serviceEnvironment(params), terminal: undefined },
    account,
  )
  const spec: CommandSpec = {
    ...commandOf(params, path, environment.path, account),
    environment: environment.lines,
    workingDirectory: account.home,
    account,
  }
  const onEnd = (exit: Exit) => call.finish("return", encode(service.result, { exit }))
  const command =
    pipes === undefined ? runOnPipes(host, spec, call, onEnd) : runOnHostPipes(host, spec, pipes, call, onEnd)
  if (params.progress) {
    call.sendEvent(encode(service.down, { kind: "started", pid: command.process.pid }))
  }
  return () => command.process.end()
}

/** The service's file with its argument; of Skerry's own services that only become another program, that program. */
function commandOf(
  { service, argument }: ServiceParams,
  file: string,
  path: string,
  account: Account,
): Pick<CommandSpec, "file" | "argv"> {
  const becomes = BECOMES.get(service)
  if (becomes !== undefined && realpathSync(file) === PROGRAMS_FILE) {
    try {
      const argv = becomes(argument)
      return { file: findProgram(argv[0] ?? "", path, account.home, account), argv }
    } catch {
      // The service's own program says what is wrong.
    }
  }
  return { file, argv: argument === "" ? [file] : [file, argument] }
}

/** Of the accounts that there are: by name, or by number; "DEFAULT" and nothing are the domain's user. */
function accountOf({ accounts, canSwitchAccount }: ServiceHost, name: string): Account {
  const { user, root } = accounts
  const isMeant = (account: Account) => name === account.name || name === String(account.uid)
  const account = name === "" || name === "DEFAULT" || isMeant(user) ? user : isMeant(root) ? root : undefined
  if (account !== undefined && (canSwitchAccount || account.uid === process.getuid?.())) return account
  throw new CallFailure(
    "not-permitted",
    `Cannot run as ${JSON.stringify(name)}: there is no such account here`,
  )
}
