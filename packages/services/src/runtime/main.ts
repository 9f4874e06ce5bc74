import { basename } from "node:path"
import type { Writable } from "node:stream"
import { COMMANDS, SERVICES } from "../programs.ts"
import { processIo } from "./io.ts"

/** Which program this is: the name that it was called by. */
const name = basename(process.argv[1] ?? "")

async function run(): Promise<number> {
  const table = [SERVICES, COMMANDS].find((table) => Object.hasOwn(table, name))
  const load = table?.[name]
  if (load === undefined) {
    console.error(
      `There is no program ${JSON.stringify(name)} here: it is called by the name of a link to it`,
    )
    return 127
  }
  try {
    const program = await load()
    return await program(processIo(process))
  } catch (error) {
    const { printableLines } = await import("@skerry/model")
    // Whoever reads it may be a person at a terminal, and some of it the words of another domain.
    console.error(printableLines(error instanceof Error ? error.message : String(error)))
    return 1
  }
}

// A reader that has gone is seen by whoever writes, or by nobody: no reason to die with a stack trace.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error
  })
}
/** Resolves once all that was written before has left this process, or never will. */
const flushed = (stream: Writable) => new Promise<void>((resolve) => stream.write("", () => resolve()))

async function runAndFlush(): Promise<void> {
  const status = await run()
  await Promise.all([flushed(process.stdout), flushed(process.stderr)])
  // A program may leave its input and its connection open.
  process.exit(status)
}
void runAndFlush()
