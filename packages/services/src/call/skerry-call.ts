import type { Writable } from "node:stream"
import { RemoteError, RpcError } from "@skerry/rpc"
import type { PipeEnds, Program, ProgramIo, ServiceCall } from "../program.ts"
import { BadArguments, CALL_USAGE, type CallArguments, parseCallArguments } from "./arguments.ts"
import { controlFilter } from "./filter.ts"

const STATUS = { usage: 2, cannotCall: 125, refused: 126, pipe: 141 } as const

/** Calls a service with this program's streams, or those of a program that it starts. */
export const skerryCall: Program = async (io) => {
  if (io.argv[0] === "--help") {
    io.stdout.write(CALL_USAGE)
    return 0
  }
  let call: CallArguments
  try {
    call = parseCallArguments(io.argv)
  } catch (error) {
    if (!(error instanceof BadArguments)) throw error
    io.stderr.write(`${error.message}\n${CALL_USAGE}`)
    return STATUS.usage
  }
  try {
    return await (call.command.length === 0 ? callWithOwnStreams(io, call) : callWithProgram(io, call))
  } catch (error) {
    if (!(error instanceof RemoteError || error instanceof RpcError)) throw error
    io.stderr.write(`${shown(error)}\n`)
    return error.code === "refused" ? STATUS.refused : STATUS.cannotCall
  }
}

async function callWithOwnStreams(io: ProgramIo, { target, service, argument, ...filters }: CallArguments) {
  const call = await io.openCall({ target, service, argument })
  const { filterStdout = isTerminal(io.stdout) } = filters
  carryErrors(io, call, filters.filterStderr)
  let isReaderGone = false
  io.stdout.once("error", () => {
    isReaderGone = true
    call.cancel()
  })
  io.stdin.once("error", () => call.cancel())
  io.stdin.pipe(call.stdin)
  const source = filterStdout ? call.stdout.pipe(controlFilter()) : call.stdout
  source.pipe(io.stdout, { end: false })
  const written = new Promise((resolve) => source.once("end", resolve).once("close", resolve))
  try {
    const status = await call.exitCode
    await written
    return status
  } catch (error) {
    if (isReaderGone) return STATUS.pipe
    throw error
  }
}

/** The program is started once the call is allowed and the service runs, as the reference's are. */
async function callWithProgram(
  io: ProgramIo,
  { target, service, argument, command, filterStderr }: CallArguments,
) {
  const started = Promise.withResolvers<PipeEnds | undefined>()
  const call = await io.openCall({
    ...{ target, service, argument },
    onEvent(event) {
      if (event === "started") started.resolve(undefined)
    },
    onPipes: started.resolve,
  })
  carryErrors(io, call, filterStderr)
  const early = await Promise.race([started.promise.then(() => undefined), call.exitCode])
  if (early !== undefined) return early
  const { runLocal } = await import("./run-local.ts")
  return await runLocal(command, { call, pipes: await started.promise, environment: io.environment })
}

function carryErrors(io: ProgramIo, call: ServiceCall, filterStderr = isTerminal(io.stderr)): void {
  const source = filterStderr ? call.stderr.pipe(controlFilter()) : call.stderr
  source.pipe(io.stderr, { end: false })
}

const isTerminal = (stream: Writable) => "isTTY" in stream && stream.isTTY === true

/** The message is another domain's, or the host's: one line of printable text. */
const shown = ({ message }: Error) => message.replace(/[^\x20-\x7e]/g, "_").slice(0, 500)
