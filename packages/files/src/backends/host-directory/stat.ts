import { type FileCalls, STATX_BYTES } from "@skerry/linux"
import type { Attributes, NodeKind } from "../../file-tree.ts"
import { check } from "./errno.ts"

/*
 * struct statx, the same on every architecture:
 *  16 u32 links   20 u32 uid   24 u32 gid   28 u16 mode   32 u64 inode   40 u64 size   48 u64 blocks of 512 bytes
 *  64 access time   96 change time   112 modify time: i64 seconds, u32 nanoseconds
 * 136 u32 device's major   140 u32 minor
 */
const S_IFMT = 0o170000
const KINDS: ReadonlyMap<number, NodeKind> = new Map([
  [0o100000, "file"],
  [0o040000, "directory"],
  [0o120000, "symlink"],
])
/** Whom files belong to, as a guest sees it: its application's account, or nobody whom it knows. */
const GUEST = { own: 1000, other: 65534 } as const
const BILLION = 1_000_000_000n

/** The last file that was looked at. */
export class Stat {
  readonly #calls: FileCalls
  readonly #bytes = new Uint8Array(STATX_BYTES)
  readonly #view = new DataView(this.#bytes.buffer)
  readonly #uid: number

  constructor(calls: FileCalls, uid: number) {
    this.#calls = calls
    this.#uid = uid
  }

  look(fd: number): void {
    check(this.#calls.stat(fd, this.#bytes))
  }

  lookAt(directory: number, name: string): void {
    check(this.#calls.statAt(directory, name, this.#bytes))
  }

  /** undefined: a FIFO, socket or device. */
  kind(): NodeKind | undefined {
    return KINDS.get(this.#view.getUint16(28, true) & S_IFMT)
  }

  inode(): bigint {
    return this.#view.getBigUint64(32, true)
  }

  device(): bigint {
    return this.#view.getBigUint64(136, true)
  }

  /** May the serving account change its mode and times? */
  mayAdminister(): boolean {
    return this.#uid === 0 || this.#isOwn()
  }

  #isOwn(): boolean {
    return this.#view.getUint32(20, true) === this.#uid
  }

  attributes(kind: NodeKind): Attributes {
    const view = this.#view
    const owner = this.#isOwn() ? GUEST.own : GUEST.other
    return {
      kind,
      mode: view.getUint16(28, true) & 0o7777,
      size: Number(view.getBigUint64(40, true)),
      storedBytes: Number(view.getBigUint64(48, true)) * 512,
      links: view.getUint32(16, true),
      uid: owner,
      gid: owner,
      accessTime: this.#time(64),
      modifyTime: this.#time(112),
      changeTime: this.#time(96),
    }
  }

  #time(at: number): bigint {
    return this.#view.getBigInt64(at, true) * BILLION + BigInt(this.#view.getUint32(at + 8, true))
  }
}

/**
 * Numbers of nodes: the inode's number where a file lies on the device of the root, as nearly all do. Subvolumes have devices of
 * their own without being mounts, and may number their inodes alike.
 */
export function nodeId(rootDevice: bigint, device: bigint, inode: bigint): bigint {
  return device === rootDevice ? inode : BigInt.asUintN(64, mix(mix(device) ^ inode))
}

/** One to one on 64 bits (the finaliser of SplitMix64): two inodes of one device never meet. */
function mix(value: bigint): bigint {
  let mixed = BigInt.asUintN(64, value + 0x9e37_79b9_7f4a_7c15n)
  mixed = BigInt.asUintN(64, (mixed ^ (mixed >> 30n)) * 0xbf58_476d_1ce4_e5b9n)
  mixed = BigInt.asUintN(64, (mixed ^ (mixed >> 27n)) * 0x94d0_49bb_1331_11ebn)
  return mixed ^ (mixed >> 31n)
}
