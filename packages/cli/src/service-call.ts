import type { Readable } from "node:stream"
import { finished } from "node:stream/promises"
import { printableLines } from "@skerry/model"
import { ADMIN, type CallDown, type Connection, RemoteError } from "@skerry/rpc"
import type { CommandContext, OutputStream } from "./command.ts"
import { domainText } from "./render/domain-text.ts"

export interface ServiceName {
  readonly service: string
  /** Without the "+". */
  readonly argument: string
}

/** SERVICE or SERVICE+ARGUMENT. */
export function parseServiceName(word: string): ServiceName {
  const plus = word.indexOf("+")
  if (plus < 0) return { service: word, argument: "" }
  return { service: word.slice(0, plus), argument: word.slice(plus + 1) }
}

/** Exit status of a call that was refused, as the reference's clients have it. */
const REFUSED_STATUS = 126

/** Calls a service with this process's streams (terminals are shown text alone); the service's exit status. */
export async function carryCall(
  context: Pick<CommandContext, "stdin" | "stdout" | "stderr" | "signal">,
  connection: Connection,
  to: ServiceName & { readonly target: string; readonly deadlineMs: number },
  onEvent: (event: CallDown) => void = () => {},
): Promise<number> {
  const { stdin, stdout, stderr, signal } = context
  const call = connection.call(
    ADMIN.call,
    { ...to, parent: "", progress: true, pipes: false },
    { signal, onEvent },
  )
  stdin.on("error", () => call.stdin.end()) // a terminal that went away: the input ends
  call.stdin.on("error", () => {}) // the service needs no more input; its result says how it ended
  stdin.pipe(call.stdin)
  const output = Promise.all([copy(call.stdout, stdout), copy(call.stderr, stderr)])
  output.catch(() => {}) // should the call fail, its failure is the one to report
  try {
    const { exitCode } = await call.result
    await output
    return exitCode
  } catch (error) {
    if (!(error instanceof RemoteError) || error.code !== "refused") throw error
    stderr.write(`skerry call: ${printableLines(error.message)}\n`)
    return REFUSED_STATUS
  } finally {
    stdin.unpipe(call.stdin).pause()
  }
}

/** Resolves when the source has ended and the target, which stays open, has taken all of it. */
async function copy(untrustedSource: Readable, target: OutputStream): Promise<void> {
  const source = target.isTTY === true ? untrustedSource.pipe(domainText()) : untrustedSource
  source.pipe(target, { end: false })
  await finished(source, { cleanup: true })
}
