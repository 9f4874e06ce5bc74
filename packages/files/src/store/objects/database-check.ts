import { closeSync, fstatSync, openSync, readSync } from "node:fs"
import { StoreError } from "../object-store.ts"
import { DATABASE_MAP_BYTES, DATABASE_PAGE_BYTES as PAGE_BYTES } from "./database-format.ts"

/*
 * LMDB maps its file and follows the page numbers and offsets that stand in it; one that leads astray ends the process,
 * or makes it write over pages in use. So before LMDB sees the file, all that it would follow is followed here: both
 * meta pages, every page of both trees, and the list of free pages. Values are not looked at: they are sealed.
 *
 * A page: 0 number u64, 8 transaction u64, 18 flags u16, 20 lower u16, 22 upper u16 (or 20 pages u32), then offsets
 * of nodes, all counted from 24 on.
 * A node: 0 low u16, 2 high u16, 4 flags u16, 6 key bytes u16, key, value.
 */
const HEADER_BYTES = 24
const NODE_BYTES = 8
const BRANCH = 1
const LEAF = 2
const OVERFLOW = 4
const META = 8
/** Value on pages of its own: number u64, transaction u64, how many u64. */
const BIG_VALUE = 1
const BIG_VALUE_BYTES = 24
/** Keys that are numbers, and that the file has no directory of its own. */
const FREE_FLAGS = 0x4008
const NO_ROOT = 0xffff_ffff_ffff_ffffn
const MAGIC = 0xbeef_c0de
const VERSION = 2
const META_PAGES = 2
/** More levels than any file that fits in the map has. */
const MOST_LEVELS = 12

interface Tree {
  readonly depth: number
  readonly branchPages: number
  readonly leafPages: number
  readonly overflowPages: number
  readonly entries: number
  readonly root: bigint
}

interface Meta {
  readonly free: Tree
  readonly main: Tree
  readonly lastPage: number
  readonly transaction: bigint
}

/** Throws "damaged", saying what of the file is wrong. */
export function checkDatabase(path: string): void {
  const fd = openSync(path, "r")
  try {
    new DatabaseCheck(path, fd).run()
  } finally {
    closeSync(fd)
  }
}

class DatabaseCheck {
  readonly #path: string
  readonly #fd: number
  readonly #pagesInFile: number
  /** The newest transaction. */
  #newest = 0n
  /** 1: part of a tree; 2: free. */
  #uses = new Uint8Array(0)

  constructor(path: string, fd: number) {
    this.#path = path
    this.#fd = fd
    this.#pagesInFile = Math.floor(fstatSync(fd).size / PAGE_BYTES)
  }

  run(): void {
    const metas = [this.#meta(0), this.#meta(1)] as const
    const [even, odd] = metas
    const distance = even.transaction - odd.transaction
    const isStart = even.transaction === 0n && odd.transaction === 0n
    const areInTurn = even.transaction % 2n === 0n && odd.transaction % 2n === 1n
    if (!isStart && !(areInTurn && (distance === 1n || distance === -1n)))
      this.#fail("its transactions do not follow")
    const newest = distance > 0n ? even : odd
    this.#newest = newest.transaction
    this.#uses = new Uint8Array(newest.lastPage + 1)
    this.#uses.fill(1, 0, META_PAGES)
    const free: Buffer[] = []
    this.#tree("free", newest.free, compareNumbers, (value) => free.push(value()))
    this.#tree("main", newest.main, Buffer.compare, () => {})
    for (const list of free) this.#freePages(list)
  }

  #meta(number: number): Meta {
    const page = this.#page(number)
    if (page.readUInt16LE(18) !== META || page.readUInt32LE(24) !== MAGIC)
      this.#fail(`page ${number} is no meta page`)
    if (page.readUInt32LE(28) !== VERSION) this.#fail(`meta page ${number} has another version`)
    const mapBytes = page.readBigUInt64LE(40)
    if (mapBytes !== BigInt(DATABASE_MAP_BYTES) || page.readUInt32LE(48) !== PAGE_BYTES) {
      this.#fail(`meta page ${number} has other sizes`)
    }
    const lastPage = page.readBigUInt64LE(144)
    if (lastPage < 1n || lastPage * BigInt(PAGE_BYTES) >= mapBytes)
      this.#fail(`meta page ${number} counts wrong`)
    if (page.readUInt16LE(52) !== FREE_FLAGS || page.readUInt16LE(100) !== 0) {
      this.#fail(`meta page ${number} has flags of another kind of tree`)
    }
    return {
      free: treeAt(page, 48),
      main: treeAt(page, 96),
      lastPage: Number(lastPage),
      transaction: page.readBigUInt64LE(152),
    }
  }

  #tree(
    name: string,
    tree: Tree,
    compare: (left: Buffer, right: Buffer) => number,
    onValue: (value: () => Buffer) => void,
  ): void {
    const seen = { branchPages: 0, leafPages: 0, overflowPages: 0, entries: 0 }
    const walk = (number: number, level: number, low: Buffer | undefined, high: Buffer | undefined): void => {
      const page = this.#page(number)
      this.#use(number, 1)
      const isLeaf = level === tree.depth
      if (page.readUInt16LE(18) !== (isLeaf ? LEAF : BRANCH)) this.#fail(`page ${number} is of another kind`)
      const nodes = this.#nodes(page, number)
      let previous = low
      nodes.forEach((node, index) => {
        const isFirstOfBranch = !isLeaf && index === 0
        if (!isFirstOfBranch) {
          // A branch's key is the lowest of what is below it.
          const order = previous === undefined ? -1 : compare(previous, node.key)
          const isFirst = index === 0 || (index === 1 && !isLeaf)
          if (order > 0 || (order === 0 && !isFirst)) this.#fail(`keys of page ${number} are out of order`)
          if (high !== undefined && compare(node.key, high) >= 0)
            this.#fail(`keys of page ${number} are too high`)
          previous = node.key
        }
        if (isLeaf) {
          seen.entries += 1
          const { value, pages } = this.#value(page, node, number)
          seen.overflowPages += pages
          onValue(value)
        } else {
          const child = node.low + node.high * 0x1_0000 + node.flags * 0x1_0000_0000
          walk(child, level + 1, isFirstOfBranch ? low : node.key, nodes[index + 1]?.key ?? high)
        }
      })
      if (isLeaf) seen.leafPages += 1
      else seen.branchPages += 1
    }
    if (tree.root !== NO_ROOT) {
      if (tree.depth < 1 || tree.depth > MOST_LEVELS) this.#fail(`the ${name} tree has ${tree.depth} levels`)
      walk(Number(tree.root), 1, undefined, undefined)
    }
    for (const count of ["branchPages", "leafPages", "overflowPages", "entries"] as const) {
      if (seen[count] !== tree[count])
        this.#fail(`the ${name} tree has ${seen[count]} ${count}, not ${tree[count]}`)
    }
  }

  #nodes(page: Buffer, number: number): readonly Node[] {
    const lower = page.readUInt16LE(20)
    const upper = page.readUInt16LE(22)
    if (lower % 2 !== 0 || lower > upper || upper > PAGE_BYTES - HEADER_BYTES || lower === 0) {
      this.#fail(`page ${number} is torn`)
    }
    return Array.from({ length: lower / 2 }, (_, index): Node => {
      const offset = page.readUInt16LE(HEADER_BYTES + index * 2)
      const at = HEADER_BYTES + offset
      if (offset < upper || offset % 2 !== 0 || at + NODE_BYTES > PAGE_BYTES)
        this.#fail(`page ${number} is torn`)
      const keyBytes = page.readUInt16LE(at + 6)
      const keyEnd = at + NODE_BYTES + keyBytes
      if (keyEnd > PAGE_BYTES) this.#fail(`a key of page ${number} is too long`)
      return {
        low: page.readUInt16LE(at),
        high: page.readUInt16LE(at + 2),
        flags: page.readUInt16LE(at + 4),
        key: page.subarray(at + NODE_BYTES, keyEnd),
        end: keyEnd,
      }
    })
  }

  #value(page: Buffer, node: Node, number: number): { readonly value: () => Buffer; readonly pages: number } {
    const valueBytes = node.low + node.high * 0x1_0000
    if (node.flags === 0) {
      if (node.end + valueBytes > PAGE_BYTES) this.#fail(`a value of page ${number} is too long`)
      return { value: () => page.subarray(node.end, node.end + valueBytes), pages: 0 }
    }
    if (node.flags !== BIG_VALUE || node.end + BIG_VALUE_BYTES > PAGE_BYTES)
      this.#fail(`page ${number} is torn`)
    const first = Number(page.readBigUInt64LE(node.end))
    const pages = Number(page.readBigUInt64LE(node.end + 16))
    if (
      valueBytes + HEADER_BYTES > pages * PAGE_BYTES ||
      pages > Math.ceil((valueBytes + HEADER_BYTES) / PAGE_BYTES)
    ) {
      this.#fail(`a value of page ${number} has another length`)
    }
    const start = this.#page(first)
    if (start.readUInt16LE(18) !== OVERFLOW || start.readUInt32LE(20) !== pages)
      this.#fail(`page ${first} is torn`)
    if (start.readBigUInt64LE(8) !== page.readBigUInt64LE(node.end + 8))
      this.#fail(`page ${first} is of another time`)
    for (let page = first; page < first + pages; page++) this.#use(page, 1)
    return { value: () => this.#bytes(first * PAGE_BYTES + HEADER_BYTES, valueBytes), pages }
  }

  /** Entries of a list: 0, the number of a free page, or minus how many pages are free from the next number on. */
  #freePages(list: Buffer): void {
    const entries = list.length < 8 ? 0 : Number(list.readBigUInt64LE(0))
    if ((entries + 1) * 8 > list.length) this.#fail("its list of free pages is too long")
    let run = 1
    for (let index = 1; index <= entries; index++) {
      const entry = Number(list.readBigInt64LE(index * 8))
      if (entry < 0) run = -entry
      else if (entry > 0) {
        for (let page = entry; page < entry + run; page++) this.#use(page, 2)
        run = 1
      }
      if (run > this.#uses.length) this.#fail("its list of free pages counts wrong")
    }
  }

  #use(number: number, use: 1 | 2): void {
    if (number < META_PAGES || number >= this.#uses.length) this.#fail(`it refers to page ${number}`)
    if (this.#uses[number] !== 0) this.#fail(`page ${number} is used twice`)
    this.#uses[number] = use
  }

  #bytes(offset: number, bytes: number): Buffer {
    const buffer = Buffer.alloc(bytes)
    readSync(this.#fd, buffer, 0, bytes, offset)
    return buffer
  }

  #page(number: number): Buffer {
    const page = Buffer.allocUnsafe(PAGE_BYTES)
    if (!(number < this.#pagesInFile)) this.#fail(`page ${number} is missing`)
    readSync(this.#fd, page, 0, PAGE_BYTES, number * PAGE_BYTES)
    if (page.readBigUInt64LE(0) !== BigInt(number)) this.#fail(`page ${number} is another one`)
    // LMDB takes a page of a later transaction for one of its own, not yet written, and writes to the map.
    if (page.readBigUInt64LE(8) > this.#newest) this.#fail(`page ${number} is of a time to come`)
    return page
  }

  #fail(problem: string): never {
    throw new StoreError("damaged", `The store is damaged: in ${this.#path}, ${problem}`)
  }
}

interface Node {
  readonly low: number
  readonly high: number
  readonly flags: number
  readonly key: Buffer
  /** Where its value begins. */
  readonly end: number
}

const treeAt = (page: Buffer, at: number): Tree => ({
  depth: page.readUInt16LE(at + 6),
  branchPages: Number(page.readBigUInt64LE(at + 8)),
  leafPages: Number(page.readBigUInt64LE(at + 16)),
  overflowPages: Number(page.readBigUInt64LE(at + 24)),
  entries: Number(page.readBigUInt64LE(at + 32)),
  root: page.readBigUInt64LE(at + 40),
})

function compareNumbers(left: Buffer, right: Buffer): number {
  if (left.length !== 8 || right.length !== 8) return 1
  const [a, b] = [left.readBigUInt64LE(0), right.readBigUInt64LE(0)]
  return a < b ? -1 : a > b ? 1 : 0
}
