import { type Readable, Transform } from "node:stream"

/** The same bytes, and an error instead of more than `max` of them. */
export function bounded(untrustedInput: Readable, max: number): Readable {
  let bytes = 0
  const bound = new Transform({
    transform(chunk: Uint8Array, _, done) {
      bytes += chunk.length
      if (bytes > max) done(new Error(`More than ${max} bytes came`))
      else done(null, chunk)
    },
  })
  untrustedInput.on("error", (error) => bound.destroy(error))
  return untrustedInput.pipe(bound)
}
