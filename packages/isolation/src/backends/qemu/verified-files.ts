import { createHash } from "node:crypto"
import { closeSync, fstatSync, openSync, read } from "node:fs"
import { promisify } from "node:util"
import type { ImageFile, ImageFiles } from "../../backend.ts"
import { IsolationError } from "../../backend.ts"

const readAsync = promisify(read)
const CHUNK_BYTES = 1 << 20

/** An open, read-only file whose content had the digest that it is named by. */
export interface VerifiedFile extends Disposable {
  readonly fd: number
  readonly bytes: number
}

/**
 * Opens files of images. Each is read and hashed once; later it is enough that the open file is still the one that
 * was read: same inode, size and times (only root can set a ctime back). Hash and use go through one descriptor, so
 * a file that is replaced meanwhile is not used.
 */
export class VerifiedFiles {
  readonly #identities = new Map<string, string>()

  /** Every file of an image. Fails as open() does. */
  async check(image: ImageFiles, signal: AbortSignal): Promise<void> {
    for (const file of [image.kernel, image.initramfs, ...image.layers]) {
      using _open = await this.open(file, image.name, signal)
    }
  }

  /** The caller owns what it returns. Fails with "image-altered" or "aborted". */
  async open(file: ImageFile, image: string, signal: AbortSignal): Promise<VerifiedFile> {
    const fd = openImageFile(file, image)
    try {
      const key = `${file.path}\0${file.digest}`
      const identity = identityOf(fd)
      if (this.#identities.get(key) !== identity) {
        const found = await digestOf(fd, image, signal)
        if (found !== file.digest || identityOf(fd) !== identity) {
          throw new IsolationError(
            "image-altered",
            `Image "${image}" was altered on disk and will not be used: ${file.path} is ${found}, ` +
              `not ${file.digest}; remove that file and run: skerry build`,
          )
        }
        this.#identities.set(key, identity)
      }
      return { fd, bytes: fstatSync(fd).size, [Symbol.dispose]: () => closeSync(fd) }
    } catch (error) {
      closeSync(fd)
      throw error
    }
  }
}

function openImageFile(file: ImageFile, image: string): number {
  try {
    return openSync(file.path, "r")
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new IsolationError("image-altered", `Cannot read image "${image}": ${why}; run: skerry build`, {
      cause,
    })
  }
}

function identityOf(fd: number): string {
  const { dev, ino, size, mtimeNs, ctimeNs } = fstatSync(fd, { bigint: true })
  return [dev, ino, size, mtimeNs, ctimeNs].join(" ")
}

async function digestOf(fd: number, image: string, signal: AbortSignal): Promise<string> {
  const hash = createHash("sha256")
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES)
  for (let at = 0; ; ) {
    if (signal.aborted) throw new IsolationError("aborted", `Stopped verifying image "${image}"`)
    const { bytesRead } = await readAsync(fd, chunk, 0, CHUNK_BYTES, at)
    if (bytesRead === 0) return `sha256:${hash.digest("hex")}`
    hash.update(chunk.subarray(0, bytesRead))
    at += bytesRead
  }
}
