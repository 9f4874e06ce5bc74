import assert from "node:assert/strict"
import { TREE_LIMITS } from "../file-tree.ts"
import type { TreeTests } from "./index.ts"
import { bytesNamed, expectCode, named } from "./scene.ts"

/* Names are bytes, and keys in one directory. */
export const nameTests: TreeTests = {
  "a name of as many bytes as may be is kept whole"(scene) {
    const longest = "n".repeat(TREE_LIMITS.nameBytes)
    scene.file(scene.root, longest, "x")
    assert.deepEqual(scene.names(scene.root), [longest])
    scene.rename(scene.root, longest, scene.root, `${longest.slice(1)}m`)
    assert.equal(scene.content(scene.walk(scene.root, `${longest.slice(1)}m`)), "x")
  },

  "any byte but / and NUL may be in a name, valid UTF-8 or not"(scene) {
    const names: string[] = [
      "\xff",
      "\xc3\x28",
      "\xed\xa0\x80",
      " ",
      "...",
      "-",
      "\\",
      "a\nb",
      "\x01",
      "\x7f",
    ]
    for (let byte = 1; byte < 256; byte++) {
      if (byte !== 0x2f && byte !== 0x2e) names.push(`b${String.fromCharCode(byte)}`)
    }
    for (const bytes of names) scene.close(scene.create(scene.root, bytesNamed(bytes)))
    assert.deepEqual(scene.names(scene.root), [...names].sort())
    for (const bytes of names) scene.keep(scene.tree.walk(scene.root, bytesNamed(bytes)))
    for (const bytes of names) scene.tree.remove(scene.root, bytesNamed(bytes), "other")
    assert.deepEqual(scene.names(scene.root), [])
  },

  "names that look alike are not the same"(scene) {
    const names = ["é", "e\u0301", "É", "e", "E"]
    for (const name of names) scene.file(scene.root, name, name.length.toString())
    assert.equal(scene.names(scene.root).length, names.length)
    for (const name of names) {
      assert.equal(scene.content(scene.walk(scene.root, name)), name.length.toString())
    }
  },

  "names that objects in JavaScript have are names like others"(scene) {
    for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty"]) {
      expectCode("ENOENT", () => scene.walk(scene.root, name))
      scene.file(scene.root, name, name)
      assert.equal(scene.content(scene.walk(scene.root, name)), name)
    }
  },

  "a symlink's target is data: any bytes, of any length up to the limit"(scene) {
    const targets = ["a", "../..", "/etc/passwd", "\xff\xfe", "x".repeat(TREE_LIMITS.targetBytes)]
    for (const [index, target] of targets.entries()) {
      const link = scene.keep(scene.tree.makeSymlink(scene.root, named(`l${index}`), target))
      assert.equal(scene.tree.readSymlink(link), target)
      assert.equal(scene.tree.readSymlink(scene.walk(scene.root, `l${index}`)), target)
      assert.equal(scene.size(link), target.length)
    }
  },

  "a symlink is found and never followed"(scene) {
    const directory = scene.directory(scene.root, "d")
    scene.file(directory, "f")
    scene.keep(scene.tree.makeSymlink(scene.root, named("l"), "d"))
    scene.keep(scene.tree.makeSymlink(scene.root, named("self"), "self"))
    expectCode("ENOTDIR", () => scene.walk(scene.root, "l", "f"))
    assert.equal(scene.walk(scene.root, "self").kind, "symlink")
    expectCode("EINVAL", () => scene.tree.readSymlink(directory))
  },

  "a path may be as deep as one likes"(scene) {
    let node = scene.root
    for (let depth = 0; depth < 300; depth++) node = scene.directory(node, "d")
    scene.file(node, "f", "deep")
    let found = scene.root
    for (let depth = 0; depth < 300; depth++) found = scene.walk(found, "d")
    assert.equal(scene.content(scene.walk(found, "f")), "deep")
  },
}
