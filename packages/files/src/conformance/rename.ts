import assert from "node:assert/strict"
import type { TreeTests } from "./index.ts"
import { expectCode, named, type Scene } from "./scene.ts"

function makeTwo(scene: Scene) {
  const [a, b] = [scene.directory(scene.root, "a"), scene.directory(scene.root, "b")]
  return { a, b }
}

/* rename(2). */
export const renameTests: TreeTests = {
  "what is renamed stays what it is"(scene) {
    const { a, b } = makeTwo(scene)
    const file = scene.file(a, "f", "content")
    const open = scene.open(file)
    scene.rename(a, "f", b, "g")
    assert.deepEqual([scene.names(a), scene.names(b)], [[], ["g"]])
    const found = scene.walk(b, "g")
    assert.equal(found.id, file.id)
    assert.equal(scene.readOpen(open), "content")
    assert.equal(scene.content(found), "content")
  },

  "a directory is moved with all that is in it, and whoever holds it goes along"(scene) {
    const { a, b } = makeTwo(scene)
    const inner = scene.directory(a, "inner")
    scene.file(inner, "f", "content")
    scene.rename(scene.root, "a", b, "moved")
    assert.equal(scene.content(scene.walk(scene.root, "b", "moved", "inner", "f")), "content")
    scene.file(inner, "later")
    assert.deepEqual(scene.names(scene.walk(b, "moved", "inner")), ["f", "later"])
  },

  "a file takes another's place, which stays for whoever has it open"(scene) {
    const { a, b } = makeTwo(scene)
    const file = scene.file(a, "f", "new")
    const old = scene.open(scene.file(b, "g", "old"))
    scene.rename(a, "f", b, "g")
    assert.equal(scene.content(scene.walk(b, "g")), "new")
    assert.equal(scene.walk(b, "g").id, file.id)
    assert.equal(scene.readOpen(old), "old")
    assert.equal(scene.tree.attributes(old.node).links, 0)
    expectCode("ENOENT", () => scene.walk(a, "f"))
  },

  "a directory takes the place of an empty one, and of nothing else"(scene) {
    const { a, b } = makeTwo(scene)
    scene.file(b, "f")
    expectCode(["ENOTEMPTY", "EEXIST"], () => scene.rename(scene.root, "a", scene.root, "b"))
    assert.deepEqual(scene.names(scene.root), ["a", "b"])
    scene.remove(b, "f")
    scene.file(a, "mine")
    scene.rename(scene.root, "a", scene.root, "b")
    assert.deepEqual(scene.names(scene.root), ["b"])
    assert.deepEqual(scene.names(scene.walk(scene.root, "b")), ["mine"])
  },

  "files and directories do not take each other's place"(scene) {
    const { a } = makeTwo(scene)
    scene.file(scene.root, "f")
    scene.keep(scene.tree.makeSymlink(scene.root, named("l"), "a"))
    expectCode("EISDIR", () => scene.rename(scene.root, "f", scene.root, "a"))
    expectCode("EISDIR", () => scene.rename(scene.root, "l", scene.root, "a"))
    expectCode("ENOTDIR", () => scene.rename(scene.root, "a", scene.root, "f"))
    expectCode("ENOTDIR", () => scene.rename(scene.root, "a", scene.root, "l"))
    scene.rename(scene.root, "l", scene.root, "f")
    assert.equal(scene.walk(scene.root, "f").kind, "symlink")
    assert.deepEqual(scene.names(a), [])
  },

  "a directory does not go below itself"(scene) {
    const { a } = makeTwo(scene)
    const inner = scene.directory(a, "inner")
    const innermost = scene.directory(inner, "innermost")
    for (const to of [a, inner, innermost]) {
      expectCode("EINVAL", () => scene.rename(scene.root, "a", to, "x"))
    }
    expectCode(["ENOTEMPTY", "EEXIST"], () => scene.rename(inner, "innermost", scene.root, "a"))
    scene.rename(a, "inner", scene.root, "up")
    scene.rename(scene.root, "a", inner, "down")
    assert.equal(scene.walk(scene.root, "up", "down").id, a.id)
    expectCode("EINVAL", () => scene.rename(scene.root, "up", a, "x"))
  },

  "a rename to itself changes nothing"(scene) {
    scene.file(scene.root, "f", "content")
    scene.rename(scene.root, "f", scene.root, "f")
    assert.equal(scene.content(scene.walk(scene.root, "f")), "content")
    scene.directory(scene.root, "d")
    scene.rename(scene.root, "d", scene.root, "d")
    assert.deepEqual(scene.names(scene.root), ["d", "f"])
  },

  "a symlink is renamed itself"(scene) {
    const { a } = makeTwo(scene)
    scene.keep(scene.tree.makeSymlink(scene.root, named("l"), "a"))
    scene.rename(scene.root, "l", a, "m")
    assert.equal(scene.tree.readSymlink(scene.walk(a, "m")), "a")
  },

  "a file saved by writing another and renaming it over is whole at every moment"(scene) {
    for (let version = 0; version < 20; version++) {
      const open = scene.create(scene.root, named("f.new"))
      scene.write(open, `version ${version}`, 0)
      scene.tree.synchronise(open)
      scene.close(open)
      scene.rename(scene.root, "f.new", scene.root, "f")
      scene.tree.commit(version % 5 === 0)
      assert.equal(scene.content(scene.walk(scene.root, "f")), `version ${version}`)
    }
    assert.deepEqual(scene.names(scene.root), ["f"])
  },
}
