import { writeSync } from "node:fs"
import { Writable } from "node:stream"

/** Hands all bytes to the descriptor before it returns. */
export function writeAll(descriptor: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(descriptor, bytes, at)
}

/**
 * Node's own standard output queues what the reader has not taken yet. A configuration that prints in an
 * endless loop would fill its memory before the reader sees how much it prints.
 */
export const blockingOutput = (descriptor: number): Writable =>
  new Writable({
    write(chunk: Buffer, _encoding, done) {
      writeAll(descriptor, chunk)
      done()
    },
  })
