import { Readable, Writable } from "node:stream"
import type { ReceiveStream } from "./receive-stream.ts"
import type { SendStream } from "./send-stream.ts"

/** Errors also reach the call's result; a stream that nobody listens to must not end the process. */
const heardElsewhere = () => {}

/**
 * The receiving end as a Readable. Its own buffer holds one chunk; the rest waits in the ReceiveStream, where it is
 * bounded. destroy() drops what comes later, without holding up the call.
 */
export class CallReadable extends Readable {
  readonly #stream: ReceiveStream

  constructor(stream: ReceiveStream) {
    super({ highWaterMark: 1 })
    this.#stream = stream
    stream.attach((bytes) => this.push(bytes))
    this.on("error", heardElsewhere)
  }

  override _read(): void {
    this.#stream.pull()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#stream.discard()
    done(error)
  }
}

/**
 * The sending end as a Writable; a write is done when the transport took it, until when its bytes must not change.
 * destroy() without end() sends no EOF: the peer must not take a cut stream for a whole one.
 */
export class CallWritable extends Writable {
  readonly #stream: SendStream

  constructor(stream: SendStream) {
    super({ highWaterMark: 64 * 1024, decodeStrings: true })
    this.#stream = stream
    this.on("error", heardElsewhere)
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: () => void): void {
    this.#stream.write(chunk, done)
  }

  override _final(done: () => void): void {
    this.#stream.end(done)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#stream.discard()
    done(error)
  }
}
