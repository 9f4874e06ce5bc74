import type { Readable } from "node:stream"
import type { ServiceCall } from "../program.ts"
import { END_OF_STREAM, FilecopyError } from "./qfile.ts"
import { GREETING } from "./resume.ts"

/**
 * For whoever passes a reader's stream on to a receiver: gets the receiver's greeting out of the way, as a reader
 * expects none. From then on both streams can be joined as they are.
 */
export async function bridgeToReceiver({
  stdin,
  stdout,
}: Pick<ServiceCall, "stdin" | "stdout">): Promise<void> {
  stdin.write(END_OF_STREAM)
  const greeting = await readExactly(stdout, GREETING.length)
  if (!greeting.equals(GREETING)) {
    throw new FilecopyError(
      "bad-stream",
      "The receiver knows only the plain stream, which cannot be passed on to it",
    )
  }
}

async function readExactly(stream: Readable, count: number): Promise<Buffer> {
  for (;;) {
    const bytes = stream.read(count) as Buffer | null
    if (bytes?.length === count) return bytes
    if (bytes !== null || stream.readableEnded || stream.destroyed) {
      throw new FilecopyError("cut", "The receiver ended before it began")
    }
    await changed(stream)
  }
}

function changed(stream: Readable): Promise<void> {
  const events = ["readable", "end", "close", "error"]
  return new Promise((resolve) => {
    const hear = () => {
      for (const event of events) stream.off(event, hear)
      resolve()
    }
    for (const event of events) stream.on(event, hear)
  })
}
