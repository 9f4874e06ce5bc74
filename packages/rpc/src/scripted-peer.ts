import { Duplex } from "node:stream"
import { type Frame, FrameReader, Writer, writeFrame } from "@skerry/wire"
import { FRAME } from "./frames.ts"

/** For tests: the other end of a connection, which says exactly what a test wants and keeps what it hears. */
export class ScriptedPeer {
  /** The end for the Connection under test. */
  readonly duplex: Duplex
  readonly received: Frame[] = []
  readonly #reader = new FrameReader()
  /** While set, the transport takes nothing more. */
  #held: (() => void) | undefined
  #isHolding: boolean = false

  constructor() {
    this.duplex = new Duplex({
      read: () => {},
      write: (chunk: Uint8Array, _encoding, done) => {
        this.#reader.push(chunk, (frame) => {
          this.received.push({ ...frame, payload: Uint8Array.from(frame.payload) })
        })
        if (this.#isHolding) this.#held = done
        else done()
      },
    })
  }

  /** Sends bytes in pieces of this size, or whole. */
  send(bytes: Uint8Array, pieceBytes = bytes.length): void {
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      if (!this.duplex.destroyed) this.duplex.push(Uint8Array.from(bytes.subarray(at, at + pieceBytes)))
    }
  }

  end(): void {
    this.duplex.push(null)
  }

  hold(): void {
    this.#isHolding = true
  }

  release(): void {
    this.#isHolding = false
    this.#held?.()
  }

  /** Until all that follows from what was sent has happened. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve))
  }

  /** Names of the received frames' types, with their calls. */
  get heard(): string[] {
    const names = new Map<number, string>(Object.entries(FRAME).map(([name, type]) => [type, name]))
    return this.received.map(({ call, type }) => `${names.get(type)} ${call}`)
  }
}

/** Payloads by hand: numbers are bytes, texts are themselves. */
export function frame(
  call: number,
  type: keyof typeof FRAME,
  ...parts: (number | string | Uint8Array)[]
): Uint8Array {
  const writer = new Writer()
  for (const part of parts) {
    if (typeof part === "number") writer.u8(part)
    else writer.bytes(typeof part === "string" ? Buffer.from(part) : part)
  }
  return writeFrame(call, FRAME[type], writer.finish())
}

export const u32le = (value: number): Uint8Array =>
  Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24)
