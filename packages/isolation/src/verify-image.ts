import { createHash } from "node:crypto"
import { createReadStream } from "node:fs"
import { pipeline } from "node:stream/promises"
import type { ImageFile, ImageFiles } from "./backend.ts"
import { IsolationError } from "./backend.ts"

/** Reads a file of an image to its end. Fails with "image-altered" (also where it is gone) or "aborted". */
export async function verifyImageFile(file: ImageFile, image: string, signal: AbortSignal): Promise<void> {
  const hash = createHash("sha256")
  try {
    await pipeline(createReadStream(file.path, { highWaterMark: 1 << 20 }), hash, { signal })
  } catch (cause) {
    if (signal.aborted) throw new IsolationError("aborted", `Stopped verifying image "${image}"`, { cause })
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new IsolationError("image-altered", `Cannot read image "${image}": ${why}; build it again`, {
      cause,
    })
  }
  const found = `sha256:${hash.digest("hex")}`
  if (found === file.digest) return
  throw new IsolationError(
    "image-altered",
    `A file of image "${image}" was altered on disk and will not be used: ${file.path} is ${found}, ` +
      `not ${file.digest}; remove it and build the image again`,
  )
}

/** Every file of an image, one after the other: the disk is the bottleneck. */
export async function verifyImage(image: ImageFiles, signal: AbortSignal): Promise<void> {
  for (const file of [image.kernel, image.initramfs, ...image.layers]) {
    await verifyImageFile(file, image.name, signal)
  }
}
