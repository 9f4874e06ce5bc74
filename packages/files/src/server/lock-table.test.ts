import assert from "node:assert/strict"
import { test } from "node:test"
import type { TreeNode } from "../file-tree.ts"
import { seededRandom } from "../store/testing/disk-image.ts"
import { type LockHolder, type LockKind, type LockRange, LockTable, type OutsideLocks } from "./lock-table.ts"

const NODE: TreeNode = { kind: "file", id: 1n }
const BYTES = 24

/** What is held outside of the first bytes of one file, and how often that was changed. */
class Outside implements OutsideLocks {
  held: (LockKind | "none")[] = new Array(BYTES).fill("none")
  calls = 0

  take(_node: TreeNode, kind: LockKind, range: LockRange): "granted" {
    this.#set(kind, range)
    return "granted"
  }

  giveBack(_node: TreeNode, range: LockRange): void {
    this.#set("none", range)
  }

  end(): void {
    this.#set("none", { start: 0n, end: BigInt(BYTES) })
  }

  #set(kind: LockKind | "none", { end, start }: LockRange): void {
    this.calls += 1
    this.held.fill(kind, Number(start), Number(end))
  }
}

const open = () => {
  const outside = new Outside()
  const table = new LockTable(outside)
  const holder: LockHolder = { locks: 0 }
  const owner = (process: number) => ({ holder, process, client: "" })
  const lock = (process: number, kind: LockKind, start: number, end: number, fid: object) =>
    table.lock(NODE, {
      ...{ owner: owner(process), isWrite: kind === "write", fid },
      ...{ start: BigInt(start), end: BigInt(end) },
    })
  const unlock = (process: number, start: number, end: number) =>
    table.unlock(NODE, owner(process), { start: BigInt(start), end: BigInt(end) })
  return { outside, table, holder, owner, lock, unlock }
}

test("outside, each byte is held as clients have locked it, whatever they lock, unlock and close", () => {
  const random = seededRandom(5)
  const { lock, outside, owner, table, unlock, holder } = open()
  const fids = [{}, {}, {}]
  /** What an owner that has nothing is kept from. */
  const stranger = { holder: { locks: 0 }, process: 9, client: "" }
  const kindOf = (at: number): LockKind | "none" => {
    const byte = { start: BigInt(at), end: BigInt(at + 1) }
    if (table.conflict(NODE.id, stranger, byte, false) !== undefined) return "write"
    return table.conflict(NODE.id, stranger, byte, true) === undefined ? "none" : "read"
  }
  for (let step = 0; step < 3000; step++) {
    const [process, start] = [random(3), random(BYTES)]
    const end = start + 1 + random(BYTES - start)
    const fid = fids[random(3)] ?? {}
    const what = random(12)
    if (what === 0) table.release(NODE, fid)
    else if (what < 5) unlock(process, start, end)
    else lock(process, what < 9 ? "read" : "write", start, end, fid)
    const expected = outside.held.map((_, at) => kindOf(at))
    assert.deepEqual(outside.held, expected, `step ${step}`)
  }
  for (const fid of fids) table.release(NODE, fid)
  assert.equal(holder.locks, 0)
  assert.equal(table.conflict(NODE.id, owner(7), { start: 0n, end: 1n << 64n }, true), undefined)
})

test("who unlocks what it has not locked changes nothing outside, however many locks others have", () => {
  const { lock, outside, unlock } = open()
  for (let index = 0; index < 1000; index++) lock(1, "read", index * 2, index * 2 + 1, {})
  const before = outside.calls
  assert.equal(unlock(2, 0, 1 << 30), true)
  assert.equal(outside.calls, before)
})

test("of many locks that end with their fid, each gap between others' is given back once", () => {
  const { lock, outside, table } = open()
  const [ended, kept] = [{}, {}]
  for (let index = 0; index < 500; index++) {
    lock(index, "read", index, 10_000 - index, ended)
    lock(1000 + index, "read", index * 10, index * 10 + 5, kept)
  }
  const before = outside.calls
  table.release(NODE, ended)
  assert.equal(outside.calls - before, 500)
})
