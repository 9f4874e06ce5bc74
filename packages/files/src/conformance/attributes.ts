import assert from "node:assert/strict"
import { type Attributes, TREE_LIMITS } from "../file-tree.ts"
import type { TreeTests } from "./index.ts"
import { expectCode, named, WRITE } from "./scene.ts"

const SECOND = 1_000_000_000n

const value = (bytes: number) => Buffer.alloc(bytes, "v")

/* Modes, owners, times, space, and extended attributes. */
export const attributeTests: TreeTests = {
  "a mode is set, of files and directories"(scene) {
    for (const node of [scene.file(scene.root, "f"), scene.directory(scene.root, "d")]) {
      for (const mode of [0o600, 0o755, 0o400]) {
        scene.tree.setAttributes(node, { mode })
        assert.equal(scene.tree.attributes(node).mode, mode)
      }
    }
  },

  "an owner stays who it is, and is nobody else"(scene) {
    const file = scene.file(scene.root, "f")
    const { uid, gid, mode } = scene.tree.attributes(file)
    scene.tree.setAttributes(file, { uid, gid })
    expectCode("EPERM", () => scene.tree.setAttributes(file, { uid: uid + 1, mode: 0o777 }))
    expectCode("EPERM", () => scene.tree.setAttributes(file, { gid: gid + 1, size: 0 }))
    const after = scene.tree.attributes(file)
    assert.deepEqual([after.uid, after.gid, after.mode], [uid, gid, mode])
  },

  "times are set to the nanosecond, or to now"(scene) {
    const file = scene.file(scene.root, "f")
    const accessTime = 1_234_567_890n * SECOND + 123_456_789n
    const modifyTime = 4_000_000_000n * SECOND + 1n
    scene.tree.setAttributes(file, { accessTime, modifyTime })
    let attributes = scene.tree.attributes(file)
    assert.deepEqual([attributes.accessTime, attributes.modifyTime], [accessTime, modifyTime])
    scene.tree.setAttributes(file, { accessTime: "now", modifyTime: "now" })
    attributes = scene.tree.attributes(file)
    assert.ok(attributes.accessTime > accessTime && attributes.accessTime < modifyTime)
    assert.ok(attributes.modifyTime < modifyTime)
  },

  "a change of content sets the times of modification and change"(scene) {
    const file = scene.file(scene.root, "f", "x")
    const changes: ((open: ReturnType<typeof scene.open>) => void)[] = [
      (open) => scene.write(open, "y", 0),
      () => scene.tree.setAttributes(file, { size: 0 }),
      () => void scene.open(file, { ...WRITE, truncate: true }),
    ]
    const open = scene.open(file, WRITE)
    for (const change of changes) {
      const before = setOld(scene.tree, file)
      scene.write(open, "z", 0)
      scene.tree.setAttributes(file, { modifyTime: SECOND })
      change(open)
      const after = scene.tree.attributes(file)
      assert.ok(after.modifyTime > before.modifyTime)
      assert.ok(after.changeTime >= before.changeTime)
    }
  },

  "what is made and removed in a directory sets its time of modification"(scene) {
    const directory = scene.directory(scene.root, "d")
    const changes = [
      () => scene.file(directory, "f"),
      () => scene.directory(directory, "e"),
      () => scene.keep(scene.tree.makeSymlink(directory, named("l"), "t")),
      () => scene.rename(directory, "f", directory, "g"),
      () => scene.rename(directory, "g", scene.root, "g"),
      () => scene.rename(scene.root, "g", directory, "g"),
      () => scene.remove(directory, "g"),
      () => scene.remove(directory, "e", "directory"),
    ]
    for (const [index, change] of changes.entries()) {
      const { modifyTime } = setOld(scene.tree, directory)
      change()
      assert.ok(scene.tree.attributes(directory).modifyTime > modifyTime, `change ${index}`)
    }
  },

  "the tree says how much room there is"(scene) {
    const space = scene.tree.space()
    assert.ok(space.blockBytes > 0)
    assert.ok(space.freeBlocks >= 0n && space.freeBlocks <= space.blocks)
    assert.ok(space.freeFiles <= space.files)
  },

  "extended attributes are set, read, listed and removed"(scene) {
    for (const node of [scene.file(scene.root, "f"), scene.directory(scene.root, "d")]) {
      const get = (name: string) => Buffer.from(scene.tree.getAttribute(node, name)).toString("latin1")
      assert.deepEqual(scene.tree.listAttributes(node), [])
      scene.tree.setAttribute(node, "user.one", Buffer.from("\xff\0x", "latin1"), "any")
      scene.tree.setAttribute(node, "user.empty", Buffer.alloc(0), "create")
      assert.equal(get("user.one"), "\xff\0x")
      assert.equal(get("user.empty"), "")
      assert.deepEqual([...scene.tree.listAttributes(node)].sort(), ["user.empty", "user.one"])
      scene.tree.setAttribute(node, "user.one", Buffer.from("two"), "replace")
      assert.equal(get("user.one"), "two")
      scene.tree.removeAttribute(node, "user.one")
      assert.deepEqual(scene.tree.listAttributes(node), ["user.empty"])
    }
  },

  "extended attributes are created, replaced and removed as told"(scene) {
    const file = scene.file(scene.root, "f")
    const set = (mode: "create" | "replace") => scene.tree.setAttribute(file, "user.x", value(1), mode)
    expectCode("ENODATA", () => scene.tree.getAttribute(file, "user.x"))
    expectCode("ENODATA", () => set("replace"))
    expectCode("ENODATA", () => scene.tree.removeAttribute(file, "user.x"))
    set("create")
    expectCode("EEXIST", () => set("create"))
    set("replace")
  },

  "only the user's own extended attributes are there"(scene) {
    const file = scene.file(scene.root, "f")
    const denied = ["EOPNOTSUPP", "EPERM", "ENODATA"] as const
    for (const name of ["security.capability", "trusted.x", "system.posix_acl_access", "x"]) {
      expectCode(denied, () => scene.tree.getAttribute(file, name))
      expectCode(["EOPNOTSUPP", "EPERM"], () => scene.tree.setAttribute(file, name, value(1), "any"))
      expectCode(denied, () => scene.tree.removeAttribute(file, name))
    }
    assert.deepEqual(scene.tree.listAttributes(file), [])
  },

  "an extended attribute goes with its node, wherever that goes"(scene) {
    const file = scene.file(scene.root, "f")
    scene.tree.setAttribute(file, "user.x", Buffer.from("kept"), "any")
    scene.rename(scene.root, "f", scene.directory(scene.root, "d"), "g")
    const found = scene.walk(scene.root, "d", "g")
    assert.equal(Buffer.from(scene.tree.getAttribute(found, "user.x")).toString(), "kept")
  },

  "a name of an extended attribute is bytes, up to the limit"(scene) {
    const file = scene.file(scene.root, "f")
    const names = ["user.\xff", `user.${"n".repeat(TREE_LIMITS.attributeNameBytes - 5)}`]
    for (const name of names) scene.tree.setAttribute(file, name, value(3), "any")
    assert.deepEqual([...scene.tree.listAttributes(file)].sort(), [...names].sort())
  },

  "an extended attribute that is too long is refused, and the one before it stays"(scene) {
    const file = scene.file(scene.root, "f")
    scene.tree.setAttribute(file, "user.x", value(1), "any")
    const tooLong = value(TREE_LIMITS.attributeBytes + 1)
    expectCode(["ENOSPC", "ERANGE", "EFBIG"], () => scene.tree.setAttribute(file, "user.x", tooLong, "any"))
    assert.equal(scene.tree.getAttribute(file, "user.x").length, 1)
  },
}

/** Times of long ago, so that any later one is later. */
function setOld(
  tree: Parameters<TreeTests[string]>[0]["tree"],
  node: Parameters<typeof tree.attributes>[0],
): Attributes {
  tree.setAttributes(node, { modifyTime: SECOND })
  return tree.attributes(node)
}
