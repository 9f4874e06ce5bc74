import { closeSync, readFileSync } from "node:fs"
import {
  type CallContext,
  CallFailure,
  type ExecDown,
  type ExecParams,
  type ExecUp,
  type Exit,
} from "@skerry/rpc"
import { findAccount } from "./accounts.ts"
import { commandEnvironment } from "./environment.ts"
import type { CommandSpec } from "./process.ts"
import { checkDirectory, findProgram } from "./program.ts"
import { type Running, runOnDescriptors, runOnPipes, runOnTerminal, type StreamHost } from "./running.ts"

/** What commands run on. */
export interface ExecHost extends StreamHost {
  /** uid of `user`; root is 0. */
  readonly userUid: number
  /** Where host descriptors arrive; undefined: this agent takes none. */
  readonly descriptorSocket: number | undefined
}

type ExecContext = CallContext<ExecUp, ExecDown>

/** Runs one command to its end. Fails with one of ExecFailureCode. */
export async function runCommand(
  host: ExecHost,
  params: ExecParams,
  context: ExecContext,
): Promise<{ exit: Exit }> {
  // Events wait until there is a process to have them.
  const early: ExecUp[] = []
  let deliver = (event: ExecUp): void => void early.push(event)
  context.onEvent((event) => deliver(event))
  const running = await start(host, params, context)
  context.send({ kind: "started", pid: running.process.pid })
  deliver = (event) => {
    if (event.kind === "signal") running.process.signal(event.number)
    else running.resize(event)
  }
  early.forEach(deliver)
  const end = () => running.process.end()
  if (context.signal.aborted) end()
  else context.signal.addEventListener("abort", end, { once: true })
  const exit = await running.process.exited
  deliver = () => {}
  await running.carried.finish()
  return { exit }
}

async function start(host: ExecHost, params: ExecParams, context: ExecContext): Promise<Running> {
  // Messages with descriptors are in the order of the calls: take ours before anything can fail.
  const descriptors = params.descriptors ? takeDescriptors(host) : undefined
  let spec: CommandSpec
  try {
    spec = commandSpec(host, params)
  } catch (error) {
    for (const fd of descriptors ?? []) closeSync(fd)
    throw error
  }
  if (descriptors !== undefined) return runOnDescriptors(host, spec, descriptors)
  if (params.terminal !== undefined) return runOnTerminal(host, spec, params.terminal, context)
  return runOnPipes(host, spec, context)
}

function commandSpec(host: ExecHost, params: ExecParams): CommandSpec {
  const uid = params.user === "root" ? 0 : host.userUid
  if (!host.canSwitchAccount && uid !== process.getuid?.()) {
    throw new CallFailure("not-permitted", `Cannot run as ${params.user}: this domain has one account only`)
  }
  const account = findAccount(readPasswd(), uid)
  const workingDirectory = params.workingDirectory || account.home
  checkDirectory(workingDirectory, account)
  const environment = commandEnvironment(params, account)
  const [name = ""] = params.argv
  const file = findProgram(name, environment.PATH, workingDirectory, account)
  return { file, argv: params.argv, environment, workingDirectory, account }
}

function readPasswd(): string {
  try {
    return readFileSync("/etc/passwd", "utf8")
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return ""
    throw error
  }
}

/** stdin, stdout, stderr of the oldest message. The host sends it before the call, so that it is here by now. */
function takeDescriptors(host: ExecHost): [number, number, number] {
  if (host.descriptorSocket === undefined) {
    throw new CallFailure("no-descriptors", "This domain takes no host descriptors")
  }
  const descriptors = host.linux.receiveDescriptors(host.descriptorSocket, 1)?.descriptors ?? []
  const [stdin, stdout, stderr] = descriptors
  if (descriptors.length === 3 && stdin !== undefined && stdout !== undefined && stderr !== undefined) {
    return [stdin, stdout, stderr]
  }
  for (const fd of descriptors) closeSync(fd)
  throw new CallFailure(
    "no-descriptors",
    `Expected 3 descriptors before this call, ${descriptors.length} came`,
  )
}
