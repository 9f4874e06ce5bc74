import { resolve } from "node:path"
import type { Program } from "../program.ts"
import { HOST_NAME, parseCopyArgument } from "./arguments.ts"
import { ByteSource } from "./byte-source.ts"
import { FilecopyError } from "./qfile.ts"
import { sendFiles } from "./send.ts"
import { measure } from "./walk.ts"

export const FILE_READ_LIMITS = {
  /** Of the list of paths. */
  listBytes: 64 * 1024,
} as const

/** What the host sends first. Throws FilecopyError where the list is too long. */
export function encodeReadList(paths: readonly string[]): Buffer {
  const list = Buffer.from(paths.join("\0"))
  if (list.length > FILE_READ_LIMITS.listBytes) throw tooLong()
  const length = Buffer.alloc(4)
  length.writeUInt32LE(list.length)
  return Buffer.concat([length, list])
}

const tooLong = () =>
  new FilecopyError("too-long", `The list of paths is longer than ${FILE_READ_LIMITS.listBytes} bytes`)

/**
 * `skerry.FileRead`: sends files of this domain to the host, which asks for them. On standard input: u32 length and
 * a list of paths (from the home directory, or absolute) with NUL between them, then the receiver's replies. On
 * standard error first `total BYTES ENTRIES`. No domain may call it: no policy that Skerry ships has a rule for it,
 * and it looks itself.
 */
export const fileRead: Program = async ({ environment, stdin, stdout, stderr }) => {
  if (environment.QREXEC_REMOTE_DOMAIN !== HOST_NAME) {
    throw new Error("Files of this domain are read by the host alone")
  }
  const { resume } = parseCopyArgument(environment.QREXEC_SERVICE_ARGUMENT ?? "")
  const replies = new ByteSource(stdin)
  const length = (await replies.exactly(4)).readUInt32LE()
  if (length > FILE_READ_LIMITS.listBytes) throw tooLong()
  const list = (await replies.exactly(length)).toString("utf8").split("\0")
  const paths = list.map((path) => resolve(environment.HOME ?? "/", path))
  const { bytes, entries } = measure(paths, false)
  stderr.write(`total ${bytes} ${entries}\n`)
  await sendFiles({ paths, output: stdout, replies, resume, isGreeted: true, ignoreSymlinks: false })
  return 0
}
