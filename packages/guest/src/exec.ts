import { closeSync } from "node:fs"
import type { DescriptorQueue, PortHandler } from "@skerry/loop"
import {
  CallFailure,
  type CallState,
  describeFailure,
  type ExecParams,
  ExecUp,
  type Exit,
  exec,
} from "@skerry/rpc"
import { decode, encode } from "@skerry/wire"
import type { Account } from "./accounts.ts"
import { type Command, runOnDescriptors, runOnPipes, runOnTerminal } from "./command.ts"
import { commandEnvironment } from "./environment.ts"
import type { CommandSpec, ProcessHost } from "./process.ts"
import { findProgram } from "./program.ts"

/** What commands run on. */
export interface ExecHost extends ProcessHost {
  /** The accounts that commands run as; there is no other. */
  readonly accounts: Readonly<Record<ExecParams["user"], Account>>
  /** Where host descriptors arrive; undefined: this agent takes none. */
  readonly descriptors: DescriptorQueue | undefined
}

/** Runs one command to its end. Fails with one of ExecFailureCode. */
export function execHandler(host: ExecHost, mayRun: () => boolean): PortHandler {
  return {
    id: exec.id,
    start(call, untrustedParams) {
      const params = decode(exec.params, untrustedParams)
      let command: Command | undefined
      call.listen({
        onEvent(untrustedBytes) {
          const event = decode(ExecUp, untrustedBytes)
          if (event.kind === "signal") command?.process.signal(event.number)
          else command?.resize(event)
        },
        onCancel: () => command?.process.end(),
        onEnd: () => {},
      })
      try {
        if (!mayRun()) {
          throw new CallFailure(
            "not-identified",
            "Cannot run a command before the domain has been identified",
          )
        }
        command = start(host, params, call, (exit) => call.finish("return", encode(exec.result, { exit })))
        call.sendEvent(encode(exec.down, { kind: "started", pid: command.process.pid }))
      } catch (error) {
        call.finish("fail", describeFailure(error))
      }
    },
  }
}

function start(host: ExecHost, params: ExecParams, call: CallState, onEnd: (exit: Exit) => void): Command {
  // Messages with descriptors are in the order of the calls: take ours before anything can fail.
  const descriptors = params.descriptors ? takeDescriptors(host) : undefined
  let spec: CommandSpec
  try {
    spec = commandSpec(host, params)
  } catch (error) {
    for (const fd of descriptors ?? []) closeSync(fd)
    throw error
  }
  if (descriptors !== undefined) return runOnDescriptors(host, spec, descriptors, onEnd)
  if (params.terminal !== undefined) return runOnTerminal(host, spec, params.terminal, call, onEnd)
  return runOnPipes(host, spec, call, onEnd)
}

function commandSpec(host: ExecHost, params: ExecParams): CommandSpec {
  const account = host.accounts[params.user]
  if (!host.canSwitchAccount && account.uid !== process.getuid?.()) {
    throw new CallFailure("not-permitted", `Cannot run as ${params.user}: this domain has one account only`)
  }
  const workingDirectory = params.workingDirectory || account.home
  const environment = commandEnvironment(params, account)
  const [name = ""] = params.argv
  const file = findProgram(name, environment.path, workingDirectory, account)
  return { file, argv: params.argv, environment: environment.lines, workingDirectory, account }
}

/** The label of commands' descriptors: they are taken in the order of the calls. */
const COMMAND_LABEL = 0

/** stdin, stdout, stderr of the oldest message. */
function takeDescriptors({ descriptors }: ExecHost): [number, number, number] {
  if (descriptors === undefined) {
    throw new CallFailure("no-descriptors", "This domain takes no host descriptors")
  }
  const [stdin, stdout, stderr] = descriptors.takeExactly(COMMAND_LABEL, 3) ?? []
  if (stdin === undefined || stdout === undefined || stderr === undefined) {
    throw new CallFailure("no-descriptors", "Expected 3 descriptors before this call, others came")
  }
  return [stdin, stdout, stderr]
}
