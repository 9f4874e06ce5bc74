import { once } from "node:events"
import { StringDecoder } from "node:string_decoder"
import type { CommandContext } from "../command.ts"
import { Batch, refusal } from "./batch.ts"

/** Characters of one line: a policy of the largest size with its includes, and nothing without end. */
export const LINE_CHARACTERS = 64 * 1024 * 1024

/** Answers what has come before it waits for more, so that whoever asks may wait for an answer. */
export async function answerBatch({ stdin, stdout, signal }: CommandContext): Promise<number> {
  const batch = new Batch(() => Date.now())
  const lines = new LineSplitter()
  const answer = async (found: readonly Line[]) => {
    const answers = found.flatMap((line) =>
      line === TOO_LONG
        ? [refusal(`A line has more than ${LINE_CHARACTERS} characters`)]
        : (batch.answer(line) ?? []),
    )
    if (answers.length === 0 || stdout.write(`${answers.join("\n")}\n`)) return
    await once(stdout, "drain", { signal })
  }
  for await (const chunk of stdin) await answer(lines.push(chunk as Buffer))
  await answer(lines.end())
  return 0
}

/** In the place of a line that was not kept. */
export const TOO_LONG = Symbol("a line that is too long")
export type Line = string | typeof TOO_LONG

/** Cuts a stream into lines. A line that is too long is dropped as it comes, and told once. */
export class LineSplitter {
  readonly #decoder = new StringDecoder("utf8")
  readonly #mostCharacters: number
  #pieces: string[] = []
  #length = 0
  #isDropping = false

  constructor(mostCharacters = LINE_CHARACTERS) {
    this.#mostCharacters = mostCharacters
  }

  push(chunk: Buffer): readonly Line[] {
    const text = this.#decoder.write(chunk)
    const lines: Line[] = []
    let from = 0
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", from)) {
      this.#keep(text.slice(from, at))
      lines.push(this.#take())
      from = at + 1
    }
    this.#keep(text.slice(from))
    return lines
  }

  /** The last line, where it has no end. */
  end(): readonly Line[] {
    this.#keep(this.#decoder.end())
    return this.#length > 0 || this.#isDropping ? [this.#take()] : []
  }

  #keep(piece: string): void {
    if (piece === "" || this.#isDropping) return
    this.#length += piece.length
    if (this.#length > this.#mostCharacters) {
      this.#isDropping = true
      this.#pieces = []
    } else this.#pieces.push(piece)
  }

  #take(): Line {
    const line = this.#isDropping ? TOO_LONG : this.#pieces.join("")
    this.#pieces = []
    this.#length = 0
    this.#isDropping = false
    return line
  }
}
