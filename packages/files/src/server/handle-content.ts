import { parseEntryName } from "../codec/entry-name.ts"
import { EntryWriter } from "../codec/entry-writer.ts"
import { ioUnit } from "../codec/io-unit.ts"
import { OPEN, READ_HEADER_BYTES } from "../codec/messages.ts"
import { FileError, type OpenMode, type OpenNode, TREE_LIMITS } from "../file-tree.ts"
import { type ClientState, expectUnused, openOf } from "./client-state.ts"
import type { Fid, FidUse } from "./fid-table.ts"
import { openMode } from "./open-mode.ts"

/* Messages about what is in files and directories. */

/** An offset that Linux can't say: its own are signed. */
export const OFFSET_END = 2 ** 63

export function lopen(client: ClientState): void {
  const { input, output, fids } = client
  const number = input.u32()
  const flags = input.u32()
  input.finish()
  const mode = { ...openMode(flags), exclusive: false }
  const fid = mode.write || mode.truncate ? client.changeable(number) : fids.get(number)
  expectUnused(fid)
  if ((flags & OPEN.directory) !== 0 && fid.node.kind !== "directory") throw new FileError("ENOTDIR")
  fids.expectOpenable()
  fids.opened(fid, fid.tree.served.tree.open(fid.node, mode), mode, flags)
  if (mode.truncate) client.changed(fid)
  output.qid(fid.node)
  output.u32(ioUnit(client.messageBytes))
}

/** The fid, which was the directory's, becomes the file's. */
export function lcreate(client: ClientState): void {
  const { input, output, fids } = client
  const number = input.u32()
  const untrustedName = input.bytesAsText()
  const flags = input.u32()
  const permissions = input.u32()
  input.u32()
  input.finish()
  const fid = client.changeable(number)
  expectUnused(fid)
  fids.expectOpenable()
  const mode: OpenMode = openMode(flags)
  const { tree } = fid.tree.served
  const open = tree.create(fid.node, parseEntryName(untrustedName), mode, permissions & 0o7777)
  tree.release(fid.node)
  fid.node = open.node
  fids.opened(fid, open, mode, flags)
  client.changed(fid)
  output.qid(fid.node)
  output.u32(ioUnit(client.messageBytes))
}

export function read(client: ClientState): void {
  const { input, output, fids } = client
  const number = input.u32()
  const offset = input.u64AsNumber()
  const wanted = input.u32()
  input.finish()
  const fid = fids.get(number)
  const most = Math.min(wanted, client.messageBytes - READ_HEADER_BYTES)
  const countAt = output.at
  output.u32(0)
  const count = readFrom(fid, offset, output.room(most))
  output.patchU32(countAt, count)
  output.skip(count)
}

function readFrom({ use, tree }: Fid, offset: number, target: Buffer): number {
  if (offset >= OFFSET_END) throw new FileError("EINVAL")
  if (use.kind === "attribute-read") {
    const part = use.value.subarray(offset, offset + target.length)
    target.set(part)
    return part.length
  }
  if (use.kind !== "open" || !use.mode.read) throw new FileError("EBADF")
  if (use.open.node.kind === "directory") throw new FileError("EISDIR")
  // No file is so long that there would be something.
  if (offset >= TREE_LIMITS.fileBytes || target.length === 0) return 0
  return tree.served.tree.read(use.open, target, offset)
}

export function write(client: ClientState): void {
  const { input, output, fids } = client
  const number = input.u32()
  const offset = input.u64AsNumber()
  const untrustedBytes = input.data(input.u32())
  input.finish()
  const fid = fids.get(number)
  const { use } = fid
  if (offset >= OFFSET_END) throw new FileError("EINVAL")
  if (use.kind === "attribute-write") {
    output.u32(writeAttribute(use, offset, untrustedBytes))
    return
  }
  if (use.kind !== "open" || !use.mode.write) throw new FileError("EBADF")
  if (untrustedBytes.length === 0) {
    output.u32(0)
    return
  }
  if (!use.mode.append && offset + untrustedBytes.length > TREE_LIMITS.fileBytes) throw new FileError("EFBIG")
  const { tree } = fid.tree.served
  output.u32(tree.write(use.open, untrustedBytes, offset))
  client.changed(fid, use.isSynchronous && tree.synchronise(use.open))
}

/** From the start to the end, without gaps. */
function writeAttribute(
  use: Extract<FidUse, { kind: "attribute-write" }>,
  offset: number,
  bytes: Buffer,
): number {
  if (offset > use.written || offset + bytes.length > use.value.length) throw new FileError("EINVAL")
  use.value.set(bytes, offset)
  use.written = Math.max(use.written, offset + bytes.length)
  return bytes.length
}

export function fsync(client: ClientState): void {
  const { input, fids } = client
  const number = input.u32()
  input.u32()
  input.finish()
  const fid = fids.get(number)
  const { open } = openOf(fid)
  if (fid.tree.served.tree.synchronise(open)) client.changed(fid, true)
}

/** Offsets behind the entries that every directory has for its reader, and no tree. */
const AFTER_SELF = (1n << 63n) - 2n
const AFTER_PARENT = (1n << 63n) - 3n
/**
 * "." and ".." are names that readers expect, and no more: both show the directory itself. Offsets are cursors of the
 * tree, which may be made up by a client without harm.
 */
export function readdir(client: ClientState): void {
  const { input, output, fids } = client
  const number = input.u32()
  const offset = input.u64()
  const wanted = input.u32()
  input.finish()
  const fid = fids.get(number)
  const { open } = openOf(fid)
  if (open.node.kind !== "directory") throw new FileError("ENOTDIR")
  const countAt = output.at
  output.u32(0)
  const entries = new EntryWriter(output.room(Math.min(wanted, client.messageBytes - READ_HEADER_BYTES)))
  readEntries(fid, open, offset, entries)
  if (entries.isFull && entries.length === 0) throw new FileError("EINVAL")
  output.patchU32(countAt, entries.length)
  output.skip(entries.length)
}

function readEntries({ tree }: Fid, open: OpenNode, offset: bigint, entries: EntryWriter): void {
  const { id, kind } = open.node
  if (offset === 0n && !entries.put({ kind, id, name: ".", cursor: AFTER_SELF })) return
  if (offset === 0n || offset === AFTER_SELF) {
    if (!entries.put({ kind, id, name: "..", cursor: AFTER_PARENT })) return
  }
  const cursor = offset === AFTER_SELF || offset === AFTER_PARENT ? 0n : offset
  if (cursor >> 63n === 0n) tree.served.tree.readDirectory(open, cursor, entries)
}
