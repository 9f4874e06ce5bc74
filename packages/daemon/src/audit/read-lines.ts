import { createReadStream } from "node:fs"
import { filePath } from "./files.ts"
import { LINE_BYTES } from "./limits.ts"

export interface LineRead {
  readonly text: string
  /** With its line end. */
  readonly bytes: number
}

export interface ReadOptions {
  readonly start?: number
  /** Also what stands after the last line end: in the latest file it is what is being written. */
  readonly withRest?: boolean
}

/** The lines of one file; of one that is too long to be a record no more is given than shows that. */
export async function* readLines(
  state: string,
  number: number,
  signal: AbortSignal,
  { start = 0, withRest = false }: ReadOptions = {},
): AsyncGenerator<LineRead> {
  const path = filePath(state, number)
  const stream = createReadStream(path, { encoding: "latin1", start, highWaterMark: 256 * 1024 })
  let partial = ""
  let dropped = 0
  for await (const chunk of orMissing(stream)) {
    if (signal.aborted) return
    const lines = (partial + String(chunk)).split("\n")
    partial = lines.pop() ?? ""
    for (const text of lines) {
      yield { text, bytes: dropped + text.length + 1 }
      dropped = 0
    }
    if (partial.length <= 2 * LINE_BYTES) continue
    dropped += partial.length - LINE_BYTES - 1
    partial = partial.slice(0, LINE_BYTES + 1)
  }
  if (withRest && partial !== "") yield { text: partial, bytes: dropped + partial.length }
}

/** The oldest file may be removed by the running daemon at any time: then there is nothing in it. */
async function* orMissing(stream: AsyncIterable<unknown>): AsyncGenerator<unknown> {
  try {
    yield* stream
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error
  }
}
