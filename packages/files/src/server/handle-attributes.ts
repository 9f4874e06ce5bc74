import { parseAttributeName } from "../codec/attribute-name.ts"
import { ATTRIBUTE_FLAG, MODE, SET, STAT_BASIC } from "../codec/messages.ts"
import { type AttributeChanges, FileError, type NewTime, TREE_LIMITS } from "../file-tree.ts"
import { type ClientState, expectUnused } from "./client-state.ts"
import { OFFSET_END } from "./handle-content.ts"

/* Messages about what nodes and trees are like. */

/**
 * st_blksize: what programs read and write at once that go by it. Each is a round trip to another domain; more is memory in
 * every stream of every program.
 */
const BLOCK_BYTES = 64 * 1024
/** st_blocks counts these, always. */
const SECTOR_BYTES = 512
const SECOND = 1_000_000_000n
/** V9FS_MAGIC: what statfs(2) says of any 9p mount. */
const FILE_SYSTEM_TYPE = 0x0102_1997

/** Everything of stat(2), whatever was asked for. */
export function getattr({ input, output, fids }: ClientState): void {
  const number = input.u32()
  input.u64()
  input.finish()
  const fid = fids.get(number)
  const { node } = fid
  const attributes = fid.tree.served.tree.attributes(node)
  output.u32(STAT_BASIC)
  output.u32(0)
  output.qid(node)
  output.u32(MODE[node.kind] | attributes.mode)
  output.u32(attributes.uid)
  output.u32(attributes.gid)
  output.u64FromNumber(attributes.links)
  output.u64FromNumber(0)
  output.u64FromNumber(attributes.size)
  output.u64FromNumber(BLOCK_BYTES)
  output.u64FromNumber(Math.ceil(attributes.storedBytes / SECTOR_BYTES))
  for (const time of [attributes.accessTime, attributes.modifyTime, attributes.changeTime]) {
    const nanoseconds = ((time % SECOND) + SECOND) % SECOND
    output.u64(BigInt.asUintN(64, (time - nanoseconds) / SECOND))
    output.u64FromNumber(Number(nanoseconds))
  }
  // The time of birth, the generation and the version are not told.
  for (let field = 0; field < 4; field++) output.u64FromNumber(0)
}

export function setattr(client: ClientState): void {
  const { input } = client
  const number = input.u32()
  const valid = input.u32()
  const mode = input.u32()
  const uid = input.u32()
  const gid = input.u32()
  const size = input.u64AsNumber()
  const accessTime = readTime(client)
  const modifyTime = readTime(client)
  input.finish()
  const fid = client.changeable(number)
  const isSet = (bit: number) => (valid & bit) !== 0
  if (isSet(SET.size)) {
    if (size >= OFFSET_END) throw new FileError("EINVAL")
    if (size > TREE_LIMITS.fileBytes) throw new FileError("EFBIG")
  }
  const time = (bit: number, givenBit: number, given: bigint): NewTime | undefined =>
    isSet(bit) ? (isSet(givenBit) ? given : "now") : undefined
  const newAccessTime = time(SET.accessTime, SET.accessTimeGiven, accessTime)
  const newModifyTime = time(SET.modifyTime, SET.modifyTimeGiven, modifyTime)
  const changes: AttributeChanges = {
    ...(isSet(SET.mode) && { mode: mode & 0o7777 }),
    ...(isSet(SET.uid) && { uid }),
    ...(isSet(SET.gid) && { gid }),
    ...(isSet(SET.size) && { size }),
    ...(newAccessTime !== undefined && { accessTime: newAccessTime }),
    ...(newModifyTime !== undefined && { modifyTime: newModifyTime }),
  }
  fid.tree.served.tree.setAttributes(fid.node, changes)
  client.changed(fid)
}

/** Seconds are signed: there were times before 1970. What 64 bits of nanoseconds can't say becomes the nearest that they can. */
function readTime({ input }: ClientState): bigint {
  const seconds = BigInt.asIntN(64, input.u64())
  const time = seconds * SECOND + (input.u64() % SECOND)
  if (time >= TIME_END) return TIME_END - 1n
  return time < -TIME_END ? -TIME_END : time
}

const TIME_END = 1n << 63n

export function statfs({ input, output, fids }: ClientState): void {
  const number = input.u32()
  input.finish()
  const fid = fids.get(number)
  const space = fid.tree.served.tree.space()
  output.u32(FILE_SYSTEM_TYPE)
  output.u32(space.blockBytes)
  output.u64(space.blocks)
  output.u64(space.freeBlocks)
  output.u64(space.freeBlocks)
  output.u64(space.files)
  output.u64(space.freeFiles)
  output.u64FromNumber(0)
  output.u32(TREE_LIMITS.nameBytes)
}

/** A new fid that reads as the attribute's value; with no name, as all names, each with a NUL behind it. */
export function xattrwalk({ input, output, fids }: ClientState): void {
  const number = input.u32()
  const newNumber = input.u32()
  const untrustedName = input.bytesAsText()
  input.finish()
  const fid = fids.get(number)
  fids.expectFree(newNumber)
  const { tree } = fid.tree.served
  // As Linux has it: there are none of the user's on symlinks.
  if (fid.node.kind === "symlink" && untrustedName !== "") throw new FileError("ENODATA")
  const value =
    untrustedName === ""
      ? Buffer.from(
          tree
            .listAttributes(fid.node)
            .map((name) => `${name}\0`)
            .join(""),
          "latin1",
        )
      : tree.getAttribute(fid.node, parseAttributeName(untrustedName))
  fids.takeAttributeBytes(value.length)
  fids.add(newNumber, fid.tree, tree.hold(fid.node), { kind: "attribute-read", value })
  output.u64FromNumber(value.length)
}

/** The fid takes the attribute's value; it is set when the fid ends. */
export function xattrcreate(client: ClientState): void {
  const { input, fids } = client
  const number = input.u32()
  const untrustedName = input.bytesAsText()
  const size = input.u64AsNumber()
  const flags = input.u32()
  input.finish()
  const fid = client.changeable(number)
  expectUnused(fid)
  const name = parseAttributeName(untrustedName)
  if (fid.node.kind === "symlink") throw new FileError("EPERM")
  if (size > TREE_LIMITS.attributeBytes) throw new FileError("ENOSPC")
  const mode = attributeMode(flags)
  fids.takeAttributeBytes(size)
  fid.use = { kind: "attribute-write", name, mode, value: Buffer.alloc(size), written: 0 }
}

function attributeMode(flags: number): "create" | "replace" | "any" {
  switch (flags) {
    case 0:
      return "any"
    case ATTRIBUTE_FLAG.create:
      return "create"
    case ATTRIBUTE_FLAG.replace:
      return "replace"
    default:
      throw new FileError("EINVAL")
  }
}
