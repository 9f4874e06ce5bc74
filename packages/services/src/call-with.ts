import { printableLines } from "@skerry/model"
import type { CallTo, ProgramIo } from "./program.ts"

/** Calls a service with this input, passes on what it prints as text that no terminal obeys, and resolves to its status. */
export async function callWith(
  io: Pick<ProgramIo, "openCall" | "stderr">,
  to: CallTo,
  input: Uint8Array,
): Promise<number> {
  const call = await io.openCall(to)
  for (const stream of [call.stdout, call.stderr]) {
    stream.on("data", (untrustedBytes: Buffer) =>
      io.stderr.write(printableLines(untrustedBytes.toString("utf8"))),
    )
  }
  call.stdin.on("error", () => {}) // the exit status says what came of it
  call.stdin.end(input)
  return await call.exitCode
}
