import assert from "node:assert/strict"
import { test } from "node:test"
import { StoreError } from "../object-store.ts"
import { memoryObjectStore } from "../objects/memory-object-store.ts"
import { seededRandom } from "../testing/disk-image.ts"
import { changeChunks, chunksOf, countChunks, findChunk, heightOf } from "./chunk-list.ts"
import { changeEntries, type Entries, entriesOf, findEntry } from "./directory-trie.ts"
import type { Entry } from "./entry.ts"
import { KeptNodes } from "./kept-nodes.ts"
import { STATE_TREE } from "./limits.ts"
import { newEntry } from "./work-node.ts"

const nodesIn = () => new KeptNodes(memoryObjectStore())
const entry = (name: string, id: number): Entry => ({
  ...newEntry({ kind: "file", id: BigInt(id), mode: 0o644, time: 5n, target: "" }),
  name,
})

test("a directory of equal entries is equal bytes, in whatever order and by whatever way it came about", () => {
  const random = seededRandom(3)
  const nodes = nodesIn()
  let entries: Entries
  const model = new Map<string, Entry>()
  for (let round = 0; round < 60; round++) {
    const changes = new Map<string, Entry | undefined>()
    for (let index = 0; index < 30; index++) {
      const name = `name-${random(round < 40 ? 2000 : 300)}`
      const changed = round < 40 && random(4) > 0 ? entry(name, random(1000)) : undefined
      changes.set(name, changed)
      if (changed === undefined) model.delete(name)
      else model.set(name, changed)
    }
    entries = changeEntries(nodes, entries, changes)
    const anew = changeEntries(nodesIn(), undefined, new Map([...model].toReversed()))
    assert.deepEqual(entries, anew)
    assert.equal(entries?.totals.entries ?? 0, model.size)
  }
  for (const [name, expected] of model) assert.deepEqual(findEntry(nodes, entries?.digest, name), expected)
  assert.equal([...entriesOf(nodes, entries?.digest)].length, model.size)
  assert.equal(findEntry(nodes, entries?.digest, "none"), undefined)
})

test("a leaf holds 128 entries, and one more makes a branch", () => {
  const nodes = nodesIn()
  const make = (count: number) =>
    changeEntries(
      nodes,
      undefined,
      new Map(Array.from({ length: count }, (_, at) => [`n${at}`, entry(`n${at}`, at + 1)])),
    )
  assert.equal(nodes.directory(make(STATE_TREE.leafEntries)?.digest as never).kind, "leaf")
  assert.equal(nodes.directory(make(STATE_TREE.leafEntries + 1)?.digest as never).kind, "branch")
})

test("lists of chunks give what was put into them, at any height, and depend on nothing else", () => {
  const random = seededRandom(9)
  const nodes = nodesIn()
  const chunk = (seed: number) => nodes.put("chunk", Buffer.from(`chunk ${seed}`))
  const { chunkBytes } = STATE_TREE
  const sizes = [1, chunkBytes, chunkBytes + 1, 256 * chunkBytes, 256 * chunkBytes + 1, 70_000 * chunkBytes]
  let kept = { content: undefined as ReturnType<typeof chunk> | undefined, size: 0 }
  let model = new Map<number, ReturnType<typeof chunk>>()
  for (let round = 0; round < 80; round++) {
    const size = sizes[random(sizes.length)] ?? 1
    const least = Math.min(chunksOf(kept.size), chunksOf(size))
    const changes = new Map<number, ReturnType<typeof chunk> | undefined>()
    for (let index = 0; index < 20; index++) {
      changes.set(random(chunksOf(size)), random(4) === 0 ? undefined : chunk(random(50)))
    }
    model = new Map([...model].filter(([index]) => index < least))
    for (const [index, digest] of changes) {
      if (digest === undefined) model.delete(index)
      else model.set(index, digest)
    }
    kept = { content: changeChunks(nodes, kept, least, changes, size), size }
    const anew = changeChunks(nodesIn(), { content: undefined, size: 0 }, 0, model, size)
    assert.equal(kept.content, anew)
    for (const [index, digest] of model) assert.equal(findChunk(nodes, kept, index), digest)
    assert.equal(countChunks(nodes, kept, 0, chunksOf(size)), model.size)
  }
})

test("a terabyte takes three lists above its chunks", () => {
  assert.deepEqual(
    [0, 1, 131_072, 131_073, 2 ** 25, 2 ** 25 + 1, 2 ** 40].map(heightOf),
    [0, 0, 0, 1, 1, 2, 3],
  )
})

test("a node that is none is damage, and ends nothing else", () => {
  const nodes = nodesIn()
  for (const bytes of [[], [1], [9, 1, 1, 0], [1, 1, 0, 0], [1, 1, 200, 0], [1, 2, 255, 255], [1, 7, 0, 0]]) {
    const digest = nodes.put("node", Uint8Array.from(bytes))
    const isDamaged = (error: unknown) => error instanceof StoreError && error.code === "damaged"
    assert.throws(() => nodes.directory(digest), isDamaged)
    assert.throws(() => nodes.root(digest), isDamaged)
  }
})
