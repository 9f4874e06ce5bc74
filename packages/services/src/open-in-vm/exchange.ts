import { createHash } from "node:crypto"
import { createReadStream } from "node:fs"
import { type FileHandle, open } from "node:fs/promises"
import type { Readable } from "node:stream"
import { pipeline } from "node:stream/promises"
import type { ServiceCall } from "../program.ts"

/*
 * The stream of qubes.OpenInVM: 256 bytes of name, filled up with NUL and ending with one, then the file. Back comes
 * the changed file, or nothing. A name that begins with "view-only-" asks for a file that nobody can change.
 */

export const OPEN_LIMITS = {
  nameBytes: 256,
  /** Of one file, either way. */
  fileBytes: 4_000_000_000,
} as const

const VIEW_ONLY = "view-only-"

/** A file that cannot be opened elsewhere; `message` says why. */
export class OpenError extends Error {
  override readonly name = "OpenError"
  readonly code = "cannot-open"
}

/** Too long a name loses its beginning: the end says what kind of file it is. */
export function encodeName(name: string, isViewOnly: boolean): Buffer {
  const bytes = Buffer.alloc(OPEN_LIMITS.nameBytes)
  const most = OPEN_LIMITS.nameBytes - 1 - (isViewOnly ? VIEW_ONLY.length : 0)
  const whole = Buffer.from(name)
  let cut = whole.subarray(Math.max(0, whole.length - most))
  while (cut.length < whole.length && cut[0] !== undefined && (cut[0] & 0xc0) === 0x80) cut = cut.subarray(1)
  Buffer.concat([Buffer.from(isViewOnly ? VIEW_ONLY : ""), cut]).copy(bytes)
  return bytes
}

/** A name that is safe in a directory of its own and on a command line: what is special anywhere becomes "_". */
export function decodeName(untrustedBytes: Buffer): { readonly name: string; readonly isViewOnly: boolean } {
  const end = untrustedBytes.indexOf(0)
  if (end === -1) throw new OpenError("The file's name has no end")
  const text = untrustedBytes.subarray(0, end).toString("utf8")
  const isViewOnly = text.startsWith(VIEW_ONLY)
  const name = (isViewOnly ? text.slice(VIEW_ONLY.length) : text).replace(/[^\p{L}\p{M}\p{N}._+-]/gu, "_")
  if (text.includes("/") || name === "" || /^\.+$/.test(name)) {
    throw new OpenError(`Cannot open a file of the name ${JSON.stringify(text.slice(0, 64))}`)
  }
  return { name: name.replace(/^-/, "_"), isViewOnly }
}

export interface Copied {
  readonly bytes: number
  readonly sha256: string
}

/** Writes the rest of a stream to an open file. Throws OpenError over the limit. */
export async function takeFile(untrusted: Readable, file: FileHandle, maxBytes: number): Promise<Copied> {
  const hash = createHash("sha256")
  let bytes = 0
  for await (const chunk of untrusted) {
    const piece = chunk as Buffer
    bytes += piece.length
    if (bytes > maxBytes) throw new OpenError(`The file has more than ${maxBytes} bytes`)
    hash.update(piece)
    await file.writeFile(piece)
  }
  return { bytes, sha256: hash.digest("hex") }
}

export async function digestOf(path: string): Promise<Copied> {
  const hash = createHash("sha256")
  let bytes = 0
  for await (const piece of createReadStream(path)) {
    bytes += (piece as Buffer).length
    hash.update(piece as Buffer)
  }
  return { bytes, sha256: hash.digest("hex") }
}

/**
 * The caller's side: sends `hostFile`, and takes what comes back into `answerPath`, which must not exist. Undefined:
 * nothing came back. What the service prints goes to `onText`, as it came.
 */
export async function exchange(
  call: ServiceCall,
  file: { readonly path: string; readonly name: string; readonly isViewOnly: boolean },
  answerPath: string,
  onText: (untrustedText: string) => void,
): Promise<Copied | undefined> {
  call.exitCode.catch(() => {}) // awaited below, after the streams
  call.stderr.on("data", (bytes: Buffer) => onText(bytes.toString("utf8")))
  const sent = (async () => {
    call.stdin.write(encodeName(file.name, file.isViewOnly))
    await pipeline(createReadStream(file.path), call.stdin)
  })()
  sent.catch(() => {}) // a service that reads no more says why by its status
  const answer = await open(answerPath, "wx", 0o600)
  let taken: Copied
  try {
    taken = await takeFile(call.stdout, answer, OPEN_LIMITS.fileBytes)
  } catch (error) {
    call.cancel()
    throw error
  } finally {
    await answer.close()
  }
  const status = await call.exitCode
  if (status !== 0)
    throw new OpenError(`The file could not be opened there: the service ended with status ${status}`)
  await sent
  return taken.bytes === 0 || file.isViewOnly ? undefined : taken
}
