import assert from "node:assert/strict"
import { listEntries } from "../entry-list.ts"
import type { DirectoryEntry } from "../file-tree.ts"
import type { TreeTests } from "./index.ts"
import { named, type Scene } from "./scene.ts"

const MANY = 10_000

/** Reads a directory in batches; between two, something happens. */
function readWith(
  scene: Scene,
  between: (seen: readonly DirectoryEntry[], batch: number) => void,
): readonly DirectoryEntry[] {
  const open = scene.open(scene.root)
  const seen: DirectoryEntry[] = []
  for (let batch = 0; ; batch++) {
    const more = listEntries(scene.tree, open, seen.at(-1)?.cursor ?? 0n, 100)
    if (more.length === 0) break
    assert.ok(more.length <= 100)
    seen.push(...more)
    between(seen, batch)
  }
  scene.close(open)
  return seen
}

const countOf = (seen: readonly DirectoryEntry[]): Map<string, number> => {
  const counts = new Map<string, number>()
  for (const { name } of seen) counts.set(name, (counts.get(name) ?? 0) + 1)
  return counts
}

function makeMany(scene: Scene, count: number): void {
  for (let index = 0; index < count; index++) scene.file(scene.root, `f${index}`)
}

/* Reading directories. */
export const directoryTests: TreeTests = {
  "each entry is read once, with its kind and id, and no . or .. among them"(scene) {
    const nodes = [
      scene.file(scene.root, "file"),
      scene.directory(scene.root, "directory"),
      scene.keep(scene.tree.makeSymlink(scene.root, named("symlink"), "t")),
    ]
    const entries = scene.entries(scene.root, 1)
    assert.deepEqual(entries.map(({ name }): string => name).sort(), ["directory", "file", "symlink"])
    for (const { name, kind, id, cursor } of entries) {
      assert.equal(kind, name as string)
      assert.equal(id, nodes.find((node) => node.kind === kind)?.id)
      assert.ok(cursor > 0n && cursor < 1n << 63n)
    }
  },

  [`${MANY} entries are read in batches of any size, each once`](scene) {
    makeMany(scene, MANY)
    for (const batch of [7, 256, MANY + 1]) {
      const entries = scene.entries(scene.root, batch)
      assert.equal(entries.length, MANY)
      assert.equal(countOf(entries).size, MANY)
    }
  },

  [`what is added and removed while ${MANY} entries are read disturbs none of the others`](scene) {
    makeMany(scene, MANY)
    const removed = new Set<string>()
    const seen = readWith(scene, (soFar, batch) => {
      // Where new ones come last, whoever adds some for each batch would never be done.
      if (batch > 90) return
      for (let index = 0; index < 5; index++) scene.file(scene.root, `new${batch}-${index}`)
      // Some that were read already, some that mostly were not.
      const read = soFar.at(-3)?.name
      for (const name of [read, `f${MANY - 1 - batch * 3}`]) {
        if (name === undefined || removed.has(name) || name.startsWith("new")) continue
        removed.add(name)
        scene.tree.remove(scene.root, named(name), "other")
      }
      if (batch % 20 === 0) scene.tree.commit(false)
    })
    const counts = countOf(seen)
    for (let index = 0; index < MANY; index++) {
      if (!removed.has(`f${index}`)) assert.equal(counts.get(`f${index}`), 1, `f${index}`)
    }
    for (const [name, count] of counts) assert.equal(count, 1, name)
  },

  "removing each batch that was read empties the directory, as rm -r does"(scene) {
    makeMany(scene, 1000)
    const removed = new Set<string>()
    readWith(scene, (seen) => {
      for (const { name } of seen) {
        if (removed.has(name)) continue
        scene.tree.remove(scene.root, name, "other")
        removed.add(name)
      }
    })
    assert.deepEqual(scene.names(scene.root), [])
  },

  "a file renamed over while its directory is read keeps being read once"(scene) {
    makeMany(scene, 500)
    const seen = readWith(scene, (_, batch) => {
      scene.file(scene.root, "temporary")
      scene.rename(scene.root, "temporary", scene.root, `f${batch}`)
    })
    const counts = countOf(seen)
    for (let index = 0; index < 500; index++) {
      // One that was replaced may be another entry to the tree, before or behind where the reader is.
      if (index > 10) assert.equal(counts.get(`f${index}`), 1)
    }
  },

  "cursors that were never given out are no harm"(scene) {
    makeMany(scene, 20)
    const open = scene.open(scene.root)
    for (const cursor of [1n, 3n, 12_345n, 1n << 31n, 1n << 62n, (1n << 63n) - 1n]) {
      const entries = listEntries(scene.tree, open, cursor, 100)
      assert.ok(entries.length <= 20)
    }
    assert.equal(listEntries(scene.tree, open, 0n, 100).length, 20)
  },

  "a cursor means the same to another who opens the directory"(scene) {
    makeMany(scene, 100)
    const [first, second] = [scene.open(scene.root), scene.open(scene.root)]
    const half = listEntries(scene.tree, first, 0n, 50)
    const rest = listEntries(scene.tree, second, half.at(-1)?.cursor ?? 0n, 100)
    assert.equal(countOf([...half, ...rest]).size, 100)
    assert.equal(half.length + rest.length, 100)
  },

  "an open directory that was removed has no entries"(scene) {
    const directory = scene.directory(scene.root, "d")
    const open = scene.open(directory)
    scene.remove(scene.root, "d", "directory")
    assert.deepEqual(listEntries(scene.tree, open, 0n, 10), [])
  },
}
