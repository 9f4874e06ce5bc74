import { BackupError } from "./errors.ts"

/*
 * tar (POSIX ustar, with pax records for what does not fit), written so that every tar can unpack it, and read strictly:
 * files, folders and symbolic links, nothing else.
 */

const BLOCK = 512
const NAME_BYTES = 100
/** A pax header holds a path and a link's target. */
const PAX_BYTES = 64 * 1024

export interface TarEntry {
  readonly path: Uint8Array
  readonly kind: "file" | "directory" | "symlink"
  readonly mode: number
  /** Seconds since 1970. */
  readonly modifyTime: number
  /** Of a symbolic link. */
  readonly target?: Uint8Array
  readonly content: Uint8Array
}

const TYPES = { file: "0", directory: "5", symlink: "2" } as const
const padding = (length: number) => (BLOCK - (length % BLOCK)) % BLOCK

/** The room that a file takes in a tar, where its name fits into the header. */
export const tarRoom = (length: number): number => BLOCK + length + padding(length)
export const TAR_END_BYTES = 2 * BLOCK

/** Header, content and padding; `isLast` is of the caller: two empty blocks. */
export function tarPieces(entry: TarEntry): Uint8Array[] {
  const path = entry.kind === "directory" ? Buffer.concat([entry.path, Buffer.from("/")]) : entry.path
  const target = entry.target ?? new Uint8Array()
  const pieces: Uint8Array[] = []
  const records = Buffer.concat([
    ...(path.length > NAME_BYTES ? [paxRecord("path", path)] : []),
    ...(target.length > NAME_BYTES ? [paxRecord("linkpath", target)] : []),
  ])
  if (records.length > 0) {
    pieces.push(header(Buffer.from("pax"), "x", 0o644, 0, records.length, new Uint8Array()))
    pieces.push(records, Buffer.alloc(padding(records.length)))
  }
  const { mode, modifyTime, content } = entry
  pieces.push(header(path, TYPES[entry.kind], mode, modifyTime, content.length, target))
  pieces.push(content, Buffer.alloc(padding(content.length)))
  return pieces
}

export const TAR_END = Buffer.alloc(TAR_END_BYTES)

function paxRecord(name: string, value: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(` ${name}=`), value, Buffer.from("\n")])
  let length = body.length + 1
  while (String(length).length + body.length !== length) length = String(length).length + body.length
  return Buffer.concat([Buffer.from(String(length)), body])
}

function header(
  path: Uint8Array,
  type: string,
  mode: number,
  modifyTime: number,
  size: number,
  target: Uint8Array,
): Buffer {
  const block = Buffer.alloc(BLOCK)
  block.set(path.subarray(0, NAME_BYTES), 0)
  const octal = (value: number, at: number, digits: number) =>
    block.write(`${value.toString(8).padStart(digits, "0")}\0`, at, "latin1")
  octal(mode & 0o7777, 100, 7)
  octal(0, 108, 7)
  octal(0, 116, 7)
  octal(size, 124, 11)
  octal(Math.max(0, Math.min(Math.floor(modifyTime), 8 ** 11 - 1)), 136, 11)
  block.write("        ", 148, "latin1")
  block.write(type, 156, "latin1")
  block.set(target.subarray(0, NAME_BYTES), 157)
  block.write("ustar\x0000", 257, "latin1")
  octal(checksum(block), 148, 6)
  block.write(" ", 155, "latin1")
  return block
}

function checksum(block: Uint8Array): number {
  let sum = 0
  for (let at = 0; at < BLOCK; at++) sum += at >= 148 && at < 156 ? 0x20 : (block[at] ?? 0)
  return sum
}

/** Views into `bytes`, not copies. Throws BackupError "damaged" or "unsafe". */
export function* readTar(untrustedBytes: Buffer, what: string): Generator<TarEntry> {
  const damaged = (why: string) => new BackupError("damaged", `${what} is no tar that Skerry writes: ${why}`)
  let pax = new Map<string, Uint8Array>()
  for (let at = 0; ; ) {
    const block = untrustedBytes.subarray(at, at + BLOCK)
    if (block.length < BLOCK) throw damaged("its end is missing")
    if (block.every((byte) => byte === 0)) return
    if (readOctal(block, 148, 8) !== checksum(block)) throw damaged("a header's checksum is wrong")
    const size = readOctal(block, 124, 12)
    const start = at + BLOCK
    if (size === undefined || start + size > untrustedBytes.length)
      throw damaged("a length goes past its end")
    const content = untrustedBytes.subarray(start, start + size)
    at = start + size + padding(size)
    const type = String.fromCharCode(block[156] ?? 0)
    if (type === "x") {
      if (size > PAX_BYTES) throw damaged("a path is too long")
      pax = readPax(content) ?? fail(damaged("a pax header is malformed"))
      continue
    }
    const kind = Object.entries(TYPES).find(([, letter]) => letter === type)?.[0] as
      | TarEntry["kind"]
      | undefined
    if (kind === undefined) {
      throw new BackupError(
        "unsafe",
        `${what} has an entry of type ${JSON.stringify(type)}: a device, or a hard link`,
      )
    }
    let path = pax.get("path") ?? cString(block.subarray(0, NAME_BYTES))
    if (kind === "directory" && path.at(-1) === 0x2f) path = path.subarray(0, -1)
    const target = pax.get("linkpath") ?? cString(block.subarray(157, 157 + NAME_BYTES))
    pax = new Map()
    yield {
      path,
      kind,
      mode: readOctal(block, 100, 8) ?? fail(damaged("a mode is no number")),
      modifyTime: readOctal(block, 136, 12) ?? fail(damaged("a time is no number")),
      ...(kind === "symlink" ? { target } : {}),
      content,
    }
  }
}

function fail(error: Error): never {
  throw error
}

function cString(bytes: Uint8Array): Uint8Array {
  const end = bytes.indexOf(0)
  return end === -1 ? bytes : bytes.subarray(0, end)
}

function readOctal(block: Buffer, at: number, length: number): number | undefined {
  const text = block.toString("latin1", at, at + length).replace(/[\0 ]+$/, "")
  return /^[0-7]{1,12}$/.test(text) ? Number.parseInt(text, 8) : undefined
}

function readPax(content: Buffer): Map<string, Uint8Array> | undefined {
  const records = new Map<string, Uint8Array>()
  for (let at = 0; at < content.length; ) {
    const [, digits = ""] = /^([1-9][0-9]{0,5}) /.exec(content.toString("latin1", at, at + 8)) ?? []
    const end = at + Number(digits)
    if (digits === "" || end > content.length || content[end - 1] !== 0x0a) return undefined
    const record = content.subarray(at + digits.length + 1, end - 1)
    const equals = record.indexOf("=")
    if (equals === -1) return undefined
    records.set(record.toString("latin1", 0, equals), record.subarray(equals + 1))
    at = end
  }
  return records
}
