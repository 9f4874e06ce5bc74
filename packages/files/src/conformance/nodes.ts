import assert from "node:assert/strict"
import type { TreeTests } from "./index.ts"
import { expectCode, named, READ, WRITE } from "./scene.ts"

/* Nodes: what they are like, how long they last, what can be done with which kind. */
export const nodeTests: TreeTests = {
  "a new tree's root is an empty directory"(scene) {
    const attributes = scene.tree.attributes(scene.root)
    assert.equal(attributes.kind, "directory")
    assert.ok(attributes.links >= 1)
    assert.deepEqual(scene.names(scene.root), [])
  },

  "what is made is found by its name, as the same node"(scene) {
    for (const node of [
      scene.file(scene.root, "file"),
      scene.directory(scene.root, "directory"),
      scene.keep(scene.tree.makeSymlink(scene.root, named("symlink"), "target")),
    ]) {
      const found = scene.walk(scene.root, node.kind)
      assert.equal(found.id, node.id)
      assert.equal(found.kind, node.kind)
      assert.equal(scene.tree.attributes(found).kind, node.kind)
    }
  },

  "ids differ, and are not used again for what is made later"(scene) {
    const seen = new Set([scene.root.id])
    for (let index = 0; index < 50; index++) {
      const { id } = scene.file(scene.root, "again")
      assert.ok(!seen.has(id), `id ${id}`)
      seen.add(id)
      scene.remove(scene.root, "again")
    }
  },

  "a new file and directory have the mode that was asked for, and show no group's or other's more"(scene) {
    const open = scene.keepOpen(scene.tree.create(scene.root, named("f"), WRITE, 0o640))
    scene.keep(open.node)
    assert.equal(scene.tree.attributes(open.node).mode, 0o640)
    const directory = scene.keep(scene.tree.makeDirectory(scene.root, named("d"), 0o700))
    assert.equal(scene.tree.attributes(directory).mode, 0o700)
    assert.equal(scene.tree.attributes(open.node).links, 1)
  },

  "what is not there is not found"(scene) {
    expectCode("ENOENT", () => scene.walk(scene.root, "nothing"))
    expectCode("ENOENT", () => scene.remove(scene.root, "nothing"))
    expectCode("ENOENT", () => scene.remove(scene.root, "nothing", "directory"))
    expectCode("ENOENT", () => scene.rename(scene.root, "nothing", scene.root, "other"))
  },

  "only directories have something in them"(scene) {
    const link = scene.keep(scene.tree.makeSymlink(scene.root, named("link"), "d"))
    scene.directory(scene.root, "d")
    for (const node of [scene.file(scene.root, "f"), link]) {
      expectCode("ENOTDIR", () => scene.walk(node, "x"))
      expectCode("ENOTDIR", () => scene.create(node, named("x")))
      expectCode("ENOTDIR", () => scene.directory(node, "x"))
      expectCode("ENOTDIR", () => scene.tree.makeSymlink(node, named("x"), "t"))
      expectCode("ENOTDIR", () => scene.remove(node, "x"))
      expectCode("ENOTDIR", () => scene.rename(node, "x", scene.root, "y"))
      expectCode("ENOTDIR", () => scene.rename(scene.root, "f", node, "y"))
    }
  },

  "directories are not opened for writing, and symlinks not at all"(scene) {
    const directory = scene.directory(scene.root, "d")
    expectCode("EISDIR", () => scene.open(directory, WRITE))
    expectCode("EISDIR", () => scene.open(directory, { ...READ, truncate: true }))
    const link = scene.keep(scene.tree.makeSymlink(scene.root, named("l"), "d"))
    expectCode("ELOOP", () => scene.open(link))
    expectCode("ELOOP", () => scene.open(link, WRITE))
  },

  "a name that is taken is not made again, whatever has it"(scene) {
    scene.file(scene.root, "file", "old")
    scene.directory(scene.root, "directory")
    scene.keep(scene.tree.makeSymlink(scene.root, named("symlink"), "file"))
    for (const name of ["file", "directory", "symlink"]) {
      expectCode("EEXIST", () => scene.directory(scene.root, name))
      expectCode("EEXIST", () => scene.tree.makeSymlink(scene.root, named(name), "x"))
      expectCode("EEXIST", () => scene.create(scene.root, named(name), { ...WRITE, exclusive: true }))
    }
    expectCode("EISDIR", () => scene.create(scene.root, named("directory"), WRITE))
    expectCode("ELOOP", () => scene.create(scene.root, named("symlink"), WRITE))
    assert.equal(scene.content(scene.walk(scene.root, "file")), "old")
  },

  "create opens a file that is there, and empties it only when told to"(scene) {
    const file = scene.file(scene.root, "f", "content")
    const open = scene.create(scene.root, named("f"), WRITE)
    assert.equal(open.node.id, file.id)
    assert.equal(scene.readOpen(open), "content")
    assert.equal(scene.tree.attributes(file).mode, 0o644)
    scene.create(scene.root, named("f"), { ...WRITE, truncate: true })
    assert.equal(scene.size(file), 0)
  },

  "a file that was removed can be used by whoever has it open"(scene) {
    const open = scene.create(scene.root, named("f"))
    scene.write(open, "before", 0)
    scene.remove(scene.root, "f")
    expectCode("ENOENT", () => scene.walk(scene.root, "f"))
    assert.equal(scene.tree.attributes(open.node).links, 0)
    scene.write(open, " and after", 6)
    assert.equal(scene.readOpen(open), "before and after")
    scene.tree.setAttributes(open.node, { size: 6 })
    assert.equal(scene.readOpen(open), "before")
    scene.tree.commit(false)
    assert.equal(scene.readOpen(open), "before")
  },

  "a name is free again at once, and what has it then is another file"(scene) {
    const old = scene.create(scene.root, named("f"))
    scene.write(old, "old", 0)
    scene.remove(scene.root, "f")
    scene.file(scene.root, "f", "new")
    assert.equal(scene.readOpen(old), "old")
    assert.equal(scene.content(scene.walk(scene.root, "f")), "new")
  },

  "a held file that was removed can be opened still"(scene) {
    const file = scene.file(scene.root, "f", "content")
    scene.remove(scene.root, "f")
    assert.equal(scene.content(file), "content")
  },

  "a directory that was removed is empty, and nothing is made in it"(scene) {
    const directory = scene.directory(scene.root, "d")
    scene.remove(scene.root, "d", "directory")
    expectCode(["ENOENT", "ESTALE"], () => scene.create(directory, named("f")))
    expectCode(["ENOENT", "ESTALE"], () => scene.directory(directory, "d"))
    expectCode(["ENOENT", "ESTALE"], () => scene.walk(directory, "f"))
    scene.file(scene.root, "f")
    expectCode(["ENOENT", "ESTALE"], () => scene.rename(scene.root, "f", directory, "f"))
  },

  "rmdir is for empty directories, unlink for all else"(scene) {
    const directory = scene.directory(scene.root, "d")
    scene.file(directory, "f")
    scene.keep(scene.tree.makeSymlink(scene.root, named("l"), "d"))
    expectCode("EISDIR", () => scene.remove(scene.root, "d"))
    expectCode("ENOTEMPTY", () => scene.remove(scene.root, "d", "directory"))
    expectCode("ENOTDIR", () => scene.remove(directory, "f", "directory"))
    expectCode("ENOTDIR", () => scene.remove(scene.root, "l", "directory"))
    scene.remove(directory, "f")
    scene.remove(scene.root, "l")
    scene.remove(scene.root, "d", "directory")
    assert.deepEqual(scene.names(scene.root), [])
  },

  "a node that was held is found again, by its names or by its id"(scene) {
    const directory = scene.directory(scene.root, "d")
    const file = scene.file(directory, "f", "content")
    const names = [named("d"), named("f")]
    const claim = (id: bigint, path: readonly ReturnType<typeof named>[]) =>
      scene.keep(scene.tree.reclaim(id, path))
    assert.equal(claim(scene.root.id, []).id, scene.root.id)
    assert.equal(scene.content(claim(file.id, names)), "content")
    expectCode("ESTALE", () => claim(0x7fff_ffff_ffffn, names))
  },
}
