import { CallFailure, type CallState, describeFailure, service } from "@skerry/rpc"
import { decode, encode } from "@skerry/wire"
import type { Account } from "../accounts.ts"
import { runOnPipes } from "../command.ts"
import { commandEnvironment } from "../environment.ts"
import type { ExecHost } from "../exec.ts"
import type { AgentHandler } from "../incoming.ts"
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
const NO_PREFACE = new Uint8Array(0)

/** Runs one service to its end. Fails with one of ServiceFailureCode. */
export function serviceHandler(host: ServiceHost, mayRun: () => boolean): AgentHandler {
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
  const config = readServiceConfig(host.places, params.service, params.argument)
  const account = accountOf(host, config.forceUser ?? params.user)
  const found = findService(host.places, params.service, params.argument, account)
  if (found.kind === "program") return startProgram(host, params, { path: found.path, account, call })
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
  if (params.progress) call.sendEvent(STARTED)
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
}

function startProgram(host: ServiceHost, params: ServiceParams, program: ServiceProgram): () => void {
  const { path, account, call } = program
  const environment = commandEnvironment(
    { environment: serviceEnvironment(params), terminal: undefined },
    account,
  )
  const command = runOnPipes(
    host,
    {
      file: path,
      argv: params.argument === "" ? [path] : [path, params.argument],
      environment: environment.lines,
      workingDirectory: account.home,
      account,
    },
    call,
    (exit) => call.finish("return", encode(service.result, { exit })),
  )
  if (params.progress) {
    call.sendEvent(encode(service.down, { kind: "started", pid: command.process.pid }))
  }
  return () => command.process.end()
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
