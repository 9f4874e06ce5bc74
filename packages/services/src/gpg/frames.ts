import type { Readable, Writable } from "node:stream"
import { FrameReader, ProtocolError, writeFrame } from "@skerry/wire"

/*
 * Both ways, a call of skerry.Gpg carries frames of @skerry/wire whose call is 0 and whose type says what they hold:
 *
 *   client → vault   request (one, first)  data*  signature*  end
 *   vault → client   (stdout | stderr | status)*  exit (one, last: u8)
 */
const REQUEST_TYPES = ["request", "data", "signature", "end"] as const
const ANSWER_TYPES = ["stdout", "stderr", "status", "exit"] as const
export type RequestPart = (typeof REQUEST_TYPES)[number]
export type AnswerPart = (typeof ANSWER_TYPES)[number]

const CHUNK_BYTES = 64 * 1024

interface Part<T> {
  readonly part: T
  readonly untrustedBytes: Uint8Array
}

async function* readParts<T>(types: readonly T[], untrustedInput: Readable): AsyncGenerator<Part<T>> {
  const reader = new FrameReader()
  for await (const chunk of untrustedInput) {
    const parts: Part<T>[] = []
    reader.push(chunk as Uint8Array, ({ call, type, payload }) => {
      const part = types[type]
      if (call !== 0 || part === undefined) throw new ProtocolError("unknown-tag", `Part ${type} is unknown`)
      parts.push({ part, untrustedBytes: payload })
    })
    // Handed on before the next push, which may reuse what they lie in.
    yield* parts
  }
  if (!reader.isBetweenFrames) throw new ProtocolError("truncated", "The stream ends within a frame")
}

export const readRequestParts = (untrustedInput: Readable) => readParts(REQUEST_TYPES, untrustedInput)
export const readAnswerParts = (untrustedInput: Readable) => readParts(ANSWER_TYPES, untrustedInput)

/** Writes parts one after the other, at the reader's pace. */
class PartWriter<T> {
  readonly #types: readonly T[]
  readonly #output: Writable
  constructor(types: readonly T[], output: Writable) {
    this.#types = types
    this.#output = output
  }

  async write(part: T, bytes: Uint8Array = new Uint8Array(0)): Promise<void> {
    const type = this.#types.indexOf(part)
    for (let at = 0; at === 0 || at < bytes.length; at += CHUNK_BYTES) {
      const frame = writeFrame(0, type, bytes.subarray(at, at + CHUNK_BYTES))
      // The callback comes also where the reader has gone; "drain" would not.
      await new Promise<void>((resolve, reject) =>
        this.#output.write(frame, (error) => (error ? reject(error) : resolve())),
      )
    }
  }

  async copy(part: T, input: Readable): Promise<void> {
    for await (const chunk of input) await this.write(part, chunk as Uint8Array)
  }
}

export const requestWriter = (output: Writable) => new PartWriter(REQUEST_TYPES, output)
export const answerWriter = (output: Writable) => new PartWriter(ANSWER_TYPES, output)
export type AnswerWriter = ReturnType<typeof answerWriter>
