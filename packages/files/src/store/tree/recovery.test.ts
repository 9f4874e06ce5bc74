import assert from "node:assert/strict"
import { test } from "node:test"
import { named, Scene, WRITE } from "../../conformance/scene.ts"
import { FileError } from "../../file-tree.ts"
import { StoreError } from "../object-store.ts"
import { STATE_TREE } from "./limits.ts"
import { JournalContents } from "./memory-journal.ts"
import { newContents, openMemoryStore, type StoreContents } from "./test-store.ts"
import { Versions } from "./versions.ts"

const { chunkBytes } = STATE_TREE
const withCode = (code: string) => (error: unknown) => error instanceof FileError && error.code === code

class WatchedJournal extends JournalContents {
  onRead = () => {}
  override bytes(slot: 0 | 1): Buffer {
    this.onRead()
    return super.bytes(slot)
  }
}

/** What a disk loses: all chunks. */
function loseChunks({ objects }: StoreContents): void {
  for (const [key, { kind }] of objects.objects) if (kind === "chunk") objects.objects.delete(key)
}

/** All nodes of a kind, as their second byte has it. */
function loseNodes({ objects }: StoreContents, byte: number, most: number): void {
  const found = [...objects.objects].filter(([, { content, kind }]) => kind === "node" && content[1] === byte)
  for (const [key] of found.slice(0, most)) objects.objects.delete(key)
}

test("memory stays bounded while a journal of small changes in many chunks is made again", () => {
  const contents = { ...newContents(), journal: new WatchedJournal() }
  const tree = openMemoryStore(contents).tree("work")
  const scene = new Scene(tree)
  const open = scene.create(scene.root, named("f"))
  tree.setAttributes(open.node, { size: 400 * chunkBytes })
  for (let index = 0; index < 400; index++) {
    scene.write(
      open,
      String.fromCharCode(1 + (index % 200), 1 + index / 200),
      index * chunkBytes + chunkBytes - 2,
    )
    tree.commit(false)
  }
  contents.objects.losePower()
  const before = contents.objects.objects.size
  let put = 0
  contents.journal.onRead = () => {
    put = contents.objects.objects.size - before
  }
  openMemoryStore(contents)
  assert.ok(put >= 400 - 2 * 64, `${put} chunks were put before the journal's end`)
})

test("a change that fails for damage is not in the journal, and the store opens again", () => {
  const contents = newContents()
  {
    using store = openMemoryStore(contents)
    using scene = new Scene(store.tree("work"))
    scene.file(scene.root, "f", "x".repeat(5000))
  }
  loseChunks(contents)
  const tree = openMemoryStore(contents).tree("work")
  const scene = new Scene(tree)
  assert.throws(() => tree.setAttributes(scene.walk(scene.root, "f"), { size: 10 }), withCode("EIO"))
  scene.file(scene.root, "other", "y")
  tree.commit(true)
  using again = new Scene(openMemoryStore(contents).tree("work"))
  assert.equal(again.content(again.walk(again.root, "other")), "y")
  assert.equal(again.size(again.walk(again.root, "f")), 5000)
})

test("what was damaged since it was changed costs that change, and not the store", () => {
  const contents = newContents()
  {
    using store = openMemoryStore(contents)
    using scene = new Scene(store.tree("work"))
    scene.file(scene.root, "f", "x".repeat(5000))
  }
  const tree = openMemoryStore(contents).tree("work")
  const scene = new Scene(tree)
  scene.write(scene.open(scene.walk(scene.root, "f"), WRITE), "y", 1)
  scene.file(scene.root, "other", "y")
  tree.commit(true)
  loseChunks(contents)
  const troubles: unknown[] = []
  using again = new Scene(openMemoryStore(contents, undefined, (error) => troubles.push(error)).tree("work"))
  assert.equal(again.content(again.walk(again.root, "other")), "y")
  assert.throws(() => again.content(again.walk(again.root, "f")), withCode("EIO"))
  assert.ok(troubles.length === 1 && troubles[0] instanceof StoreError)
})

test("a turn longer than a record of the journal is there again after a kill, and what follows it", () => {
  const contents = newContents()
  const tree = openMemoryStore(contents).tree("work")
  const scene = new Scene(tree)
  const file = scene.file(scene.root, "f")
  for (let index = 0; index < 200; index++) {
    tree.setAttribute(file, "user.a", Buffer.alloc(65_536, `${index}`), "any")
  }
  tree.commit(false)
  scene.file(scene.root, "later", "y")
  tree.commit(false)
  using again = new Scene(openMemoryStore(contents).tree("work"))
  assert.equal(again.content(again.walk(again.root, "later")), "y")
  const found = again.tree.getAttribute(again.walk(again.root, "f"), "user.a")
  assert.equal(Buffer.from(found).toString().slice(0, 3), "199")
})

test("a tree that was removed takes nothing more, and what it did is in nobody's way", () => {
  const contents = newContents()
  const store = openMemoryStore(contents)
  const removed = store.tree("work")
  store.tree("other")
  new Versions(store).removeTree(store.stored("work"))
  assert.throws(() => removed.root(), withCode("ESTALE"))
  removed.commit(true)
  using scene = new Scene(openMemoryStore(contents).tree("other"))
  assert.deepEqual(scene.names(scene.root), [])
})

test("a tree is in use where something deep in it is held, and is not removed", () => {
  const store = openMemoryStore()
  const tree = store.tree("work")
  const scene = new Scene(tree)
  const file = tree.hold(scene.file(scene.directory(scene.root, "d"), "f"))
  scene[Symbol.dispose]()
  const versions = new Versions(store)
  assert.throws(() => versions.removeTree(store.stored("work")), { code: "busy" })
  tree.release(file)
  versions.removeTree(store.stored("work"))
})

test("a removed directory that was not empty once is empty for who reclaims it", () => {
  const contents = newContents()
  const store = openMemoryStore(contents)
  const tree = store.tree("work")
  const scene = new Scene(tree)
  const directory = scene.directory(scene.root, "d")
  scene.file(directory, "f")
  store.checkpoint()
  scene.remove(directory, "f")
  scene.remove(scene.root, "d", "directory")
  store.checkpoint()
  using again = new Scene(openMemoryStore(contents).tree("work"))
  assert.deepEqual(again.names(again.keep(again.tree.reclaim(directory.id, []))), [])
})

test("directories cannot be moved into each other deeper than they may lie", () => {
  using scene = new Scene(openMemoryStore().tree("work"))
  const chain = (name: string) => {
    let node = scene.directory(scene.root, name)
    for (let depth = 1; depth < 600; depth++) node = scene.directory(node, "d")
    return node
  }
  const bottom = chain("a")
  chain("b")
  const short = scene.directory(scene.root, "c")
  assert.throws(() => scene.rename(scene.root, "b", bottom, "b"), withCode("ENAMETOOLONG"))
  scene.file(short, "f")
  scene.rename(scene.root, "c", bottom, "c")
  scene.rename(bottom, "c", scene.root, "c")
  scene.rename(scene.root, "b", short, "b")
})

test("a name that is renamed to itself is counted once", () => {
  const { files, state } = openMemoryStore().stored("work", "make")
  const scene = new Scene(files)
  const held = scene.file(scene.root, "f")
  scene[Symbol.dispose]()
  state.work.keep()
  using again = new Scene(files)
  const { loaded } = state.work
  for (let count = 0; count < 5; count++) again.rename(again.root, "f", again.root, "f")
  assert.equal(state.work.loaded, loaded)
  assert.equal(again.walk(again.root, "f").id, held.id)
})

test("a change in a file whose lists are damaged fails at once, and all else is kept", () => {
  const contents = newContents()
  {
    using store = openMemoryStore(contents)
    using scene = new Scene(store.tree("work"))
    const open = scene.create(scene.root, named("f"))
    for (let index = 0; index < 4; index++)
      scene.write(open, `${index}`.repeat(chunkBytes), index * chunkBytes)
  }
  loseNodes(contents, 3, 10)
  const store = openMemoryStore(contents)
  const scene = new Scene(store.tree("work"))
  const open = scene.open(scene.walk(scene.root, "f"), WRITE)
  for (const index of [0, 3, 4, 9]) {
    for (const length of [10, chunkBytes]) {
      const write = () => scene.write(open, "y".repeat(length), index * chunkBytes)
      assert.throws(write, withCode("EIO"), `chunk ${index}`)
    }
  }
  for (const size of [2, 3 * chunkBytes, 5 * chunkBytes])
    assert.throws(() => scene.tree.setAttributes(open.node, { size }), withCode("EIO"), `size ${size}`)
  scene.file(scene.root, "other", "y")
  scene.tree.commit(true)
  store.checkpoint()
  using again = new Scene(openMemoryStore(contents).tree("work"))
  assert.equal(again.content(again.walk(again.root, "other")), "y")
})

test("a directory that has lost a part of its entries gets smaller by the others", () => {
  const contents = newContents()
  {
    using store = openMemoryStore(contents)
    using scene = new Scene(store.tree("work"))
    for (let index = 0; index < 140; index++) scene.file(scene.root, `f${index}`)
  }
  loseNodes(contents, 1, 1)
  const store = openMemoryStore(contents)
  const scene = new Scene(store.tree("work"))
  let removed = 0
  for (let index = 0; index < 140 && removed < 50; index++) {
    try {
      scene.remove(scene.root, `f${index}`)
      removed += 1
    } catch (error) {
      assert.ok(withCode("EIO")(error), String(error))
    }
  }
  scene.tree.commit(true)
  using again = new Scene(openMemoryStore(contents).tree("work"))
  assert.ok(again.walk(again.root, "f139"))
  assert.throws(() => again.walk(again.root, "f0"))
})
