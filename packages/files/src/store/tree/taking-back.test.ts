import assert from "node:assert/strict"
import { test } from "node:test"
import { named, Scene } from "../../conformance/scene.ts"
import { StoreError } from "../object-store.ts"
import { verifyTrees } from "../testing/verify-trees.ts"
import { Collector } from "./collector.ts"
import { Pins } from "./pins.ts"
import type { StateStore } from "./state-store.ts"
import { newContents, openMemoryStore } from "./test-store.ts"
import { TreeImport } from "./tree-import.ts"
import { Versions } from "./versions.ts"

const directory = (path: string) =>
  ({
    kind: "entry",
    entryKind: "directory",
    path: Buffer.from(path),
    mode: 0o755,
    modifyTime: 1n,
    size: 0n,
    target: Buffer.alloc(0),
  }) as const

/** Puts objects until there is room for none. */
function fill(store: StateStore): void {
  const refused = (error: unknown) => error instanceof StoreError && error.code === "no-space"
  let count = 0
  for (let bytes = 65_536; bytes >= 4; bytes /= 4) {
    assert.throws(() => {
      for (;;) store.objects.put("chunk", Buffer.alloc(bytes, `${count++} `))
    }, refused)
  }
}

test("an import that cannot be taken back for lack of room stays, and the store opens again", () => {
  const contents = newContents()
  const troubles: unknown[] = []
  const store = openMemoryStore(contents, 100_000_000, (error) => troubles.push(error))
  const stored = store.stored("work", "make")
  const other = new Scene(store.tree("other"))
  const into = new TreeImport(store, stored, [], true)
  for (const path of ["", "a", "a/b"]) into.take(directory(path))
  stored.files.commit(false)
  other.file(other.root, "f", "not yet an object")
  other.tree.commit(false)
  fill(store)
  into.abandon()
  assert.ok(troubles.length > 0)

  const root = stored.files.root()
  const a = stored.files.walk(root, named("a"))
  stored.files.remove(a, named("b"), "directory")
  stored.files.commit(false)
  using again = new Scene(openMemoryStore(contents).tree("work"))
  assert.deepEqual(again.names(again.root), ["a"])
  assert.deepEqual(again.names(again.walk(again.root, "a")), [])
})

test("an import that is given up leaves the tree as it was, also after a kill", () => {
  const contents = newContents()
  const store = openMemoryStore(contents)
  const stored = store.stored("work", "make")
  const into = new TreeImport(store, stored, [], true)
  for (const path of ["", "a", "a/b"]) into.take(directory(path))
  stored.files.commit(false)
  into.abandon()
  into.abandon()
  const scene = new Scene(stored.files)
  assert.deepEqual(scene.names(scene.root), [])
  scene.directory(scene.root, "a")
  stored.files.commit(false)
  using again = new Scene(openMemoryStore(contents).tree("work"))
  assert.deepEqual(again.names(again.walk(again.root, "a")), [])
})

test("what two have pinned is kept until both let go", () => {
  const pins = new Pins()
  const root = `sha256:${"a".repeat(64)}` as Parameters<Pins["pin"]>[0]
  const unpins = [pins.pin(root), pins.pin(root)]
  unpins[0]?.()
  unpins[0]?.()
  assert.deepEqual([...pins.roots], [root])
  unpins[1]?.()
  assert.deepEqual([...pins.roots], [])
})

test("versions that are adopted while a collection is under way keep what they name", () => {
  const store = openMemoryStore()
  const versions = new Versions(store)
  {
    using scene = new Scene(store.tree("sent"))
    scene.file(scene.root, "f", "x".repeat(5000))
  }
  const { row } = versions.snapshot(store.stored("sent"), "manual", "")
  versions.removeTree(store.stored("sent"))
  const collector = new Collector(store)
  const times = [0, 0, 1]
  collector.step(() => times.shift() ?? 1, 1) // what is live is known by now
  const looked = [...versions.looked(store.stored("adopted", "make"), [row])]
  assert.equal(looked.length, 3) // a chunk, its directory, the root
  versions.adopt(store.stored("adopted"), [row], true)
  collector.step(() => 0, 1)
  assert.ok(collector.isDone)
  assert.deepEqual(verifyTrees(store), [])
  using scene = new Scene(store.tree("adopted"))
  assert.equal(scene.content(scene.walk(scene.root, "f")).length, 5000)
})

test("a forged version whose ids leave no others, or whose root has another, does not become the present", () => {
  const store = openMemoryStore()
  const versions = new Versions(store)
  const tree = store.stored("work", "make")
  const scene = new Scene(tree.files)
  scene.file(scene.root, "f", "x")
  scene[Symbol.dispose]()
  const { row } = versions.snapshot(tree, "manual", "")
  const root = store.nodes.root(tree.state.work.keep())
  const below = { ...root.below, maxId: 2n ** 64n - 1n }
  for (const forged of [
    { ...root, id: 9n },
    { ...root, below },
  ]) {
    const digest = store.nodes.putRoot(forged)
    assert.throws(() => versions.adopt(tree, [{ ...row, digest }], true), { code: "bad-request" })
    assert.equal(tree.versions.rows.length, 1)
  }
  using again = new Scene(tree.files)
  assert.equal(again.content(again.walk(again.root, "f")), "x")
})
