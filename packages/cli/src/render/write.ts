import type { OutputStream } from "../command.ts"

/** Waits where the reader is slow, so that nothing piles up here. */
export async function write(stream: OutputStream, text: string | Uint8Array): Promise<void> {
  if (!stream.write(text)) await new Promise<void>((resolve) => stream.once("drain", resolve))
}
