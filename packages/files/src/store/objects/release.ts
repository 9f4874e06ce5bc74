/**
 * Gives back the memory of a buffer that nobody looks at any more, which is empty then. Left to the collector, such memory
 * piles up, and has it run every few megabytes. A buffer that shares its memory, as small ones do, is left alone.
 */
export function release(bytes: Uint8Array): void {
  const { buffer, byteLength } = bytes
  if (byteLength > 0 && buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0)
}
