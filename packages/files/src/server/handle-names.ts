import { parseEntryName } from "../codec/entry-name.ts"
import { HEADER_BYTES, MODE, REMOVE_DIRECTORY } from "../codec/messages.ts"
import { FileError, TREE_LIMITS } from "../file-tree.ts"
import type { ClientState } from "./client-state.ts"

/* Messages about names in directories. */

export function mkdir(client: ClientState): void {
  const { input, output } = client
  const number = input.u32()
  const untrustedName = input.bytesAsText()
  const permissions = input.u32()
  input.u32()
  input.finish()
  const fid = client.changeable(number)
  const { tree } = fid.tree.served
  const node = tree.makeDirectory(fid.node, parseEntryName(untrustedName), permissions & 0o7777)
  client.changed(fid)
  output.qid(node)
  tree.release(node)
}

export function symlink(client: ClientState): void {
  const { input, output } = client
  const number = input.u32()
  const untrustedName = input.bytesAsText()
  const target = input.bytesAsText()
  input.u32()
  input.finish()
  const fid = client.changeable(number)
  const name = parseEntryName(untrustedName)
  if (target.length > TREE_LIMITS.targetBytes) throw new FileError("ENAMETOOLONG")
  if (target.length === 0) throw new FileError("ENOENT")
  if (target.includes("\0")) throw new FileError("EINVAL")
  const { tree } = fid.tree.served
  const node = tree.makeSymlink(fid.node, name, target)
  client.changed(fid)
  output.qid(node)
  tree.release(node)
}

export function readlink({ input, output, fids, messageBytes }: ClientState): void {
  const number = input.u32()
  input.finish()
  const fid = fids.get(number)
  if (fid.node.kind !== "symlink") throw new FileError("EINVAL")
  const target = fid.tree.served.tree.readSymlink(fid.node)
  // The longest target and the shortest messages do not fit.
  if (HEADER_BYTES + 2 + target.length > messageBytes) throw new FileError("EOVERFLOW")
  output.bytesFromText(target)
}

/** Regular files alone. EPERM for FIFOs, sockets and devices, as mknod(2) says it of a file system that has none. */
export function mknod(client: ClientState): void {
  const { input, output } = client
  const number = input.u32()
  const untrustedName = input.bytesAsText()
  const mode = input.u32()
  input.u32()
  input.u32()
  input.u32()
  input.finish()
  const fid = client.changeable(number)
  const name = parseEntryName(untrustedName)
  const kind = mode & MODE.mask
  if (kind !== MODE.file && kind !== 0) throw new FileError("EPERM")
  const { tree } = fid.tree.served
  const how = { read: true, write: false, append: false, truncate: false, exclusive: true }
  const open = tree.create(fid.node, name, how, mode & 0o7777)
  client.changed(fid)
  output.qid(open.node)
  tree.close(open)
  tree.release(open.node)
}

/**
 * No hard links. EPERM is what link(2) says of a file system that has none, and what the kernel says for one that offers no
 * link operation; programs that can do without (git, cp, rsync) look for it.
 */
export function link(client: ClientState): void {
  const { input, fids } = client
  const number = input.u32()
  const targetNumber = input.u32()
  input.bytesAsText()
  input.finish()
  client.changeable(number)
  fids.get(targetNumber)
  throw new FileError("EPERM")
}

export function renameat(client: ClientState): void {
  const { input, fids } = client
  const number = input.u32()
  const untrustedName = input.bytesAsText()
  const newNumber = input.u32()
  const untrustedNewName = input.bytesAsText()
  input.finish()
  const from = client.changeable(number)
  const to = fids.get(newNumber)
  if (from.tree !== to.tree) throw new FileError("EXDEV")
  const name = parseEntryName(untrustedName)
  const newName = parseEntryName(untrustedNewName)
  from.tree.served.tree.rename(from.node, name, to.node, newName)
  client.changed(from)
}

/** A node does not know its name and directory: v9fs asks for renameat, and for this only where it is told to. */
export function rename(client: ClientState): void {
  const { input, fids } = client
  const number = input.u32()
  const newNumber = input.u32()
  input.bytesAsText()
  input.finish()
  client.changeable(number)
  fids.get(newNumber)
  throw new FileError("EOPNOTSUPP")
}

export function unlinkat(client: ClientState): void {
  const { input } = client
  const number = input.u32()
  const untrustedName = input.bytesAsText()
  const flags = input.u32()
  input.finish()
  const fid = client.changeable(number)
  const kind = (flags & REMOVE_DIRECTORY) !== 0 ? "directory" : "other"
  fid.tree.served.tree.remove(fid.node, parseEntryName(untrustedName), kind)
  client.changed(fid)
}
