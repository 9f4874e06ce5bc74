import type { Writable } from "node:stream"
import type { CallTo, Program, ProgramIo } from "../program.ts"

/*
 * skerry-bench-calls: makes calls and says how long they took, one JSON object on standard output. For `skerry bench`,
 * and for whoever wants to know what calls cost between two domains of theirs.
 *   skerry-bench-calls echo TARGET SERVICE COUNT AT_ONCE   each sends a line and reads an answer to its end
 *   skerry-bench-calls up TARGET SERVICE BYTES             sends so many bytes, and waits for the end
 *   skerry-bench-calls down TARGET SERVICE                 reads to the end
 */

const CHUNK = Buffer.alloc(256 * 1024)
const LINE = Buffer.from("0123456789abcde\n")

export const benchCalls: Program = async (io) => {
  const [mode, target = "", service = "", ...numbers] = io.argv
  const [first = 1, atOnce = 1] = numbers.map(Number)
  const to: CallTo = { target, service }
  // The first call finds nothing at hand yet.
  if (mode === "echo") await echoes(io, to, 50, atOnce)
  const startMs = performance.now()
  const outcome = await (mode === "echo"
    ? echoes(io, to, first, atOnce)
    : mode === "up"
      ? sendAll(io, to, first)
      : readAll(io, to))
  io.stdout.write(`${JSON.stringify({ ms: performance.now() - startMs, ...outcome })}\n`)
  return 0
}

interface Outcome {
  readonly done: number
  readonly failed: number
}

async function echoes(io: ProgramIo, to: CallTo, count: number, atOnce: number): Promise<Outcome> {
  let [left, done, failed] = [count, 0, 0]
  const lane = async () => {
    while (left > 0) {
      left -= 1
      if (await echo(io, to)) done += 1
      else failed += 1
    }
  }
  await Promise.all(Array.from({ length: atOnce }, lane))
  return { done, failed }
}

async function echo(io: ProgramIo, to: CallTo): Promise<boolean> {
  try {
    const call = await io.openCall(to)
    let bytes = 0
    call.stdout.on("data", (chunk: Buffer) => {
      bytes += chunk.length
    })
    call.stdin.on("error", () => {}) // the exit status says what came of it
    call.stdin.end(LINE)
    return (await call.exitCode) === 0 && bytes >= LINE.length
  } catch {
    return false
  }
}

async function sendAll(io: ProgramIo, to: CallTo, bytes: number): Promise<Outcome> {
  const call = await io.openCall(to)
  call.stdout.resume()
  for (let sent = 0; sent < bytes; sent += CHUNK.length) await written(call.stdin, CHUNK)
  call.stdin.end()
  return { done: await call.exitCode, failed: 0 }
}

const written = (stream: Writable, chunk: Buffer): Promise<void> =>
  new Promise((resolve, reject) => stream.write(chunk, (error) => (error ? reject(error) : resolve())))

async function readAll(io: ProgramIo, to: CallTo): Promise<Outcome> {
  const call = await io.openCall(to)
  let bytes = 0
  call.stdout.on("data", (chunk: Buffer) => {
    bytes += chunk.length
  })
  call.stdin.end()
  await call.exitCode
  return { done: bytes, failed: 0 }
}
