import assert from "node:assert/strict"
import { test } from "node:test"
import { named, READ, Scene, WRITE } from "../../conformance/scene.ts"
import { FileError } from "../../file-tree.ts"
import { NODE_COST } from "./find-path.ts"
import { STATE_TREE } from "./limits.ts"
import { newContents, openMemoryStore } from "./test-store.ts"
import { Versions } from "./versions.ts"

const withCode = (code: string) => (error: unknown) => error instanceof FileError && error.code === code

test("a removed file that is open is there again after a kill, and gone when nobody asks for it", () => {
  const contents = newContents()
  const killed = openMemoryStore(contents).tree("work")
  const scene = new Scene(killed)
  const file = scene.file(scene.root, "f", "still here")
  scene.remove(scene.root, "f")
  killed.commit(false)

  const store = openMemoryStore(contents)
  const { files, state } = store.stored("work")
  const found = files.reclaim(file.id, [named("f")])
  const open = files.open(found, READ)
  const target = Buffer.alloc(20)
  assert.equal(files.read(open, target, 0), 10)
  assert.equal(files.attributes(found).links, 0)
  store.forgetOrphans()
  assert.equal(state.work.files, 1)
  files.close(open)
  files.release(found)
  assert.equal(state.work.files, 0)
  assert.throws(() => files.reclaim(file.id, []), withCode("ESTALE"))
})

test("a removed file that nobody reclaims is forgotten", () => {
  const contents = newContents()
  const killed = openMemoryStore(contents).tree("work")
  const scene = new Scene(killed)
  const file = scene.file(scene.root, "f", "x")
  scene.remove(scene.root, "f")
  killed.commit(false)
  const store = openMemoryStore(contents)
  const { files, state } = store.stored("work")
  assert.equal(state.work.orphans.size, 1)
  store.forgetOrphans()
  assert.equal(state.work.orphans.size, 0)
  assert.throws(() => files.reclaim(file.id, []), withCode("ESTALE"))
})

test("a file is reclaimed by its id where its names lead elsewhere by now", () => {
  const contents = newContents()
  const killed = openMemoryStore(contents).tree("work")
  const scene = new Scene(killed)
  const deep = scene.directory(scene.directory(scene.root, "a"), "b")
  for (let index = 0; index < 300; index++) scene.file(scene.root, `other-${index}`)
  const file = scene.file(scene.root, "f", "moved")
  scene.rename(scene.root, "f", deep, "g")
  scene.file(scene.root, "f", "another")
  killed.commit(false)
  using again = new Scene(openMemoryStore(contents).tree("work"))
  const found = again.keep(again.tree.reclaim(file.id, [named("f")]))
  assert.equal(again.content(found), "moved")
})

test("whatever lay in a directory that was moved is reclaimed, and only the first of it searched for", () => {
  const contents = newContents()
  const killed = openMemoryStore(contents).tree("work")
  const scene = new Scene(killed)
  const files = Array.from({ length: 300 }, (_, index) => {
    const directory = index === 0 ? scene.directory(scene.root, "before") : scene.walk(scene.root, "before")
    return scene.file(index % 2 === 0 ? directory : scene.root, `f${index}`)
  })
  scene.rename(scene.root, "before", scene.directory(scene.root, "other"), "after")
  killed.commit(false)
  using again = new Scene(openMemoryStore(contents).tree("work"))
  // More than are searched for in a tree of this size.
  for (let round = 0; round < STATE_TREE.searchedEntries / 300; round++) {
    for (const [index, { id }] of files.entries()) {
      if (index % 2 !== 0) continue
      const node = again.tree.reclaim(id, [named("before"), named(`f${index}`)])
      assert.equal(node.id, id)
      again.tree.release(node)
    }
  }
})

test("nodes are searched for up to a bound, and no further", () => {
  const contents = newContents()
  const killed = openMemoryStore(contents).tree("work")
  const scene = new Scene(killed)
  const gone = killed.create(scene.root, named("gone"), WRITE, 0o644)
  const entries = 100
  const files = Array.from({ length: entries }, (_, index) => scene.file(scene.root, `f${index}`))
  killed.close(gone)
  killed.release(gone.node)
  scene.remove(scene.root, "gone")
  killed.commit(false)
  const { tree } = new Scene(openMemoryStore(contents).tree("work"))
  const search = (id: bigint) => tree.release(tree.reclaim(id, [named("elsewhere")]))
  const searches = Math.floor(STATE_TREE.searchedEntries / (NODE_COST + entries))
  for (let count = 1; count < searches; count++) {
    assert.throws(() => search(gone.node.id), withCode("ESTALE"))
  }
  const last = files.at(-1)?.id ?? 0n
  search(last)
  assert.throws(() => search(last), withCode("ESTALE"))
  tree.release(tree.reclaim(last, [named(`f${entries - 1}`)]))
})

test("ids are never given again, not after a restart nor after a rollback", () => {
  const contents = newContents()
  const ids = new Set<bigint>()
  for (let life = 0; life < 4; life++) {
    const store = openMemoryStore(contents)
    const tree = store.tree("work")
    const versions = new Versions(store)
    const scene = new Scene(tree)
    if (life === 0) versions.snapshot(store.stored("work"), "manual", "")
    for (let index = 0; index < 5; index++) {
      const { id } = scene.file(scene.root, `f${life}-${index}`)
      assert.ok(!ids.has(id), `${id} in life ${life}`)
      ids.add(id)
    }
    if (life === 2) versions.rollback(store.stored("work"), "1")
    tree.commit(false)
  }
})

test("a full store is ENOSPC, keeps what it has, and removing makes room", () => {
  const store = openMemoryStore(newContents(), STATE_TREE.reserveBytes + 4_000_000)
  const scene = new Scene(store.tree("work"))
  const open = scene.create(scene.root, named("f"))
  const chunk = (seed: number) => Buffer.alloc(131_072, `${seed}`)
  let written = 0
  const fill = () => {
    for (; written < 100; written++) scene.tree.write(open, chunk(written), written * 131_072)
  }
  assert.throws(fill, withCode("ENOSPC"))
  assert.ok(written > 3 && scene.size(open.node) === written * 131_072)
  scene.tree.commit(true)
  scene.close(open)
  scene.remove(scene.root, "f")
  scene.tree.commit(true)
})

test("directories lie within each other up to a depth, and no deeper", () => {
  using scene = new Scene(openMemoryStore().tree("work"))
  let node = scene.root
  for (let depth = 0; depth < STATE_TREE.depth; depth++) {
    const next = scene.tree.makeDirectory(node, named("d"), 0o755)
    if (node !== scene.root) scene.tree.release(node)
    node = next
  }
  scene.keep(node)
  assert.ok(scene.file(node, "f"))
  assert.throws(() => scene.directory(node, "d"), withCode("ENAMETOOLONG"))
  scene.directory(scene.root, "e")
  assert.throws(() => scene.rename(scene.root, "e", node, "e"), withCode("ENAMETOOLONG"))
  assert.throws(() => scene.rename(scene.root, "d", node, "x"), withCode("EINVAL"))
})

test("the journal begins anew, and what was held goes on with its changes", () => {
  const contents = newContents()
  const store = openMemoryStore(contents)
  const tree = store.tree("work")
  const scene = new Scene(tree)
  const directory = scene.directory(scene.root, "d")
  const open = scene.open(scene.file(directory, "f", "one"), WRITE)
  tree.commit(false)
  store.checkpoint()
  scene.write(open, "two", 0)
  scene.rename(scene.root, "d", scene.root, "e")
  tree.commit(false)
  using again = new Scene(openMemoryStore(contents).tree("work"))
  assert.equal(again.content(again.walk(again.root, "e", "f")), "two")
})
