import { ProtocolError } from "@skerry/wire"
import { parseEntryName } from "../codec/entry-name.ts"
import { ioUnit } from "../codec/io-unit.ts"
import { NINEP_LIMITS } from "../codec/limits.ts"
import { NO_FID, UNKNOWN_VERSION, VERSION } from "../codec/messages.ts"
import { type EntryName, FileError, type OpenNode, type TreeNode } from "../file-tree.ts"
import { type ClientState, expectUnused } from "./client-state.ts"
import { openMode } from "./open-mode.ts"

/* Messages that make fids and end them. */

/** Begins anew, whatever was before. */
export function version(client: ClientState): void {
  const { input, output } = client
  const messageBytes = input.u32()
  const dialect = input.bytesAsText()
  input.finish()
  if (messageBytes < NINEP_LIMITS.leastMessageBytes) {
    throw new ProtocolError("bad-value", `Messages of ${messageBytes} bytes are too short`)
  }
  client.reset()
  const isKnown = dialect === VERSION
  if (isKnown) {
    client.messageBytes = Math.min(messageBytes, NINEP_LIMITS.mostMessageBytes)
    client.isVersioned = true
  }
  output.u32(client.messageBytes)
  output.bytesFromText(isKnown ? VERSION : UNKNOWN_VERSION)
}

/** Who a client is was settled before it could say anything. */
export function auth({ input }: ClientState): void {
  input.u32()
  input.bytesAsText()
  input.bytesAsText()
  input.u32()
  input.finish()
  throw new FileError("EOPNOTSUPP")
}

export function attach(client: ClientState): void {
  const { input, output, fids } = client
  const number = input.u32()
  const authNumber = input.u32()
  input.bytesAsText()
  const name = Buffer.from(input.bytesAsText(), "latin1").toString("utf8")
  input.u32()
  input.finish()
  if (authNumber !== NO_FID) throw new FileError("EBADF")
  fids.expectFree(number)
  const tree = client.trees.get(name)
  // As for a tree that nobody has: whoever was not granted one can't learn that it is there.
  if (tree === undefined) throw new FileError("ENOENT")
  const root = tree.served.tree.root()
  fids.add(number, tree, root)
  output.qid(root)
}

/** Every request before it has been answered, or is about to be: nothing waits in this server. */
export function flush({ input }: ClientState): void {
  input.u16()
  input.finish()
}

export function walk(client: ClientState): void {
  const { input, output, fids } = client
  const number = input.u32()
  const newNumber = input.u32()
  const untrustedNames = readNames(client, NINEP_LIMITS.walkNames)
  input.finish()
  const fid = fids.get(number)
  if (number === newNumber) expectUnused(fid)
  else fids.expectFree(newNumber)
  if (fid.use.kind === "attribute-read" || fid.use.kind === "attribute-write") throw new FileError("EBADF")

  const { tree } = fid.tree.served
  const countAt = output.at
  output.u16(untrustedNames.length)
  let node = tree.hold(fid.node)
  let found = 0
  try {
    for (const untrustedName of untrustedNames) {
      const next: TreeNode = tree.walk(node, parseEntryName(untrustedName))
      tree.release(node)
      node = next
      output.qid(node)
      found += 1
    }
  } catch (error) {
    tree.release(node)
    // Only the first name's failure is one: otherwise the client sees how far it got.
    if (!(error instanceof FileError) || found === 0) throw error
    output.patchU16(countAt, found)
    return
  }
  if (number === newNumber) {
    tree.release(fid.node)
    fid.node = node
  } else fids.add(newNumber, fid.tree, node)
}

export function clunk(client: ClientState): void {
  const { input, fids } = client
  const number = input.u32()
  input.finish()
  const fid = fids.get(number)
  const { use, node } = fid
  if (use.kind !== "attribute-write") {
    const wasOpen = use.kind === "open"
    const isUnfinished = fids.remove(number)
    if (isUnfinished || (wasOpen && use.mode.write)) client.changed(fid, isUnfinished)
    return
  }
  const { tree } = fid.tree.served
  try {
    if (use.written !== use.value.length) throw new FileError("EINVAL")
    // v9fs has one way to say both: removing is replacing by nothing.
    if (use.mode === "replace" && use.value.length === 0) tree.removeAttribute(node, use.name)
    else tree.setAttribute(node, use.name, use.value, use.mode)
    client.changed(fid)
  } finally {
    fids.remove(number)
  }
}

/** Ends the fid, as it must; a node does not know what names it has. v9fs sends unlinkat instead. */
export function remove({ input, fids }: ClientState): void {
  const number = input.u32()
  input.finish()
  const fid = fids.get(number)
  if (fids.remove(number)) fid.tree.served.changed(true)
  throw new FileError(fid.tree.access === "write" ? "EOPNOTSUPP" : "EROFS")
}

/** What a client held when the server before this one ended. `fid` is a root of the tree. */
export function reclaim(client: ClientState): void {
  const { input, output, fids } = client
  const number = input.u32()
  const newNumber = input.u32()
  const id = input.u64()
  const flags = input.u32()
  const untrustedNames = readNames(client, NINEP_LIMITS.reclaimNames)
  input.finish()
  const root = fids.get(number)
  fids.expectFree(newNumber)
  const mode = flags === NO_FID ? undefined : { ...openMode(flags), truncate: false, exclusive: false }
  if (mode !== undefined) {
    fids.expectOpenable()
    if (mode.write && root.tree.access !== "write") throw new FileError("EROFS")
  }
  const { tree } = root.tree.served
  const node = tree.reclaim(id, parseNames(untrustedNames))
  let open: OpenNode | undefined
  try {
    if (mode !== undefined) open = tree.open(node, mode)
  } catch (error) {
    tree.release(node)
    throw error
  }
  const fid = fids.add(newNumber, root.tree, node)
  if (mode !== undefined && open !== undefined) fids.opened(fid, open, mode, flags)
  output.qid(node)
  output.u32(ioUnit(client.messageBytes))
}

/** From now on the client has its locks again, and gets others like anybody. */
export function reclaimed(client: ClientState): void {
  client.input.finish()
  client.endReclaiming()
}

function readNames({ input }: ClientState, most: number): string[] {
  const count = input.u16()
  if (count > most) throw new ProtocolError("too-large", `${count} names are over the limit of ${most}`)
  const names: string[] = []
  for (let index = 0; index < count; index++) names.push(input.bytesAsText())
  return names
}

const parseNames = (untrustedNames: readonly string[]): EntryName[] => untrustedNames.map(parseEntryName)
