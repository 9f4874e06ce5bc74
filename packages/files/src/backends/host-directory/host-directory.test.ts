import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { test } from "node:test"
import { parseEntryName } from "../../codec/entry-name.ts"
import { TREE_LIMITS } from "../../file-tree.ts"
import { folderFor, listNames, openHostDirectory, openTree, READ, readWhole, WRITE } from "./testing.ts"

const code = (expected: string) => (error: unknown) =>
  error instanceof Error && "code" in error && error.code === expected

test("what a client makes is what the host has", (t) => {
  const path = folderFor(t)
  const { tree, root } = openHostDirectory(t, path)
  const directory = tree.makeDirectory(root, parseEntryName("d"), 0o755)
  const file = tree.create(directory, parseEntryName("caf\xe9"), WRITE, 0o640)
  assert.equal(tree.write(file, Buffer.from("hello"), 3), 5)
  tree.setAttributes(file.node, { mode: 0o600, modifyTime: 1_000_000_007n })
  const link = tree.makeSymlink(directory, parseEntryName("link"), "caf\xe9")
  assert.equal(tree.readSymlink(link), "caf\xe9")
  const bytes = Buffer.from(`${path}/d/caf\xe9`, "latin1")
  assert.equal(readFileSync(bytes, "latin1"), "\0\0\0hello")
  const stat = statSync(bytes, { bigint: true })
  assert.deepEqual([stat.mode & 0o7777n, stat.mtimeNs], [0o600n, 1_000_000_007n])
  assert.equal(tree.attributes(file.node).uid, 1000)
  assert.equal(file.node.id, stat.ino)
  tree.rename(directory, parseEntryName("caf\xe9"), root, parseEntryName("moved"))
  assert.equal(readWhole(tree, file.node), "\0\0\0hello")
  tree.remove(root, parseEntryName("moved"), "other")
  // Unlinked while it is open: still there for whoever holds it.
  assert.equal(tree.write(file, Buffer.from("more"), 8), 4)
  assert.equal(tree.attributes(file.node).size, 12)
  assert.throws(() => tree.walk(root, parseEntryName("moved")), code("ENOENT"))
  assert.throws(() => tree.remove(root, parseEntryName("d"), "directory"), code("ENOTEMPTY"))
  tree.synchronise(file)
  tree.commit(true)
  tree.close(file)
  for (const node of [file.node, link, directory]) tree.release(node)
})

test("symlinks are data, whatever they say", (t) => {
  const path = folderFor(t)
  for (const [name, target] of [
    ["absolute", "/etc/passwd"],
    ["up", "../../../etc"],
    ["loop", "loop"],
  ] as const) {
    symlinkSync(target, join(path, name))
    const { tree, root } = openHostDirectory(t, path)
    const link = tree.walk(root, parseEntryName(name))
    assert.equal(link.kind, "symlink")
    assert.equal(tree.readSymlink(link), target)
    assert.throws(() => tree.open(link, READ), code("ELOOP"))
    assert.throws(() => tree.walk(link, parseEntryName("passwd")), code("ENOTDIR"))
    assert.throws(() => tree.create(root, parseEntryName(name), WRITE, 0o644), code("ELOOP"))
    assert.throws(() => tree.setAttributes(link, { mode: 0o777 }), code("EOPNOTSUPP"))
    assert.throws(() => tree.setAttributes(link, { size: 0 }), code("EINVAL"))
    tree.setAttributes(link, { modifyTime: 5n })
    assert.equal(tree.attributes(link).modifyTime, 5n)
    tree.release(link)
  }
  assert.equal(readlinkSync(join(path, "absolute")), "/etc/passwd")
  const { tree, root } = openHostDirectory(t, path)
  const most = "x".repeat(TREE_LIMITS.targetBytes)
  tree.release(tree.makeSymlink(root, parseEntryName("long"), most))
  assert.equal(readlinkSync(join(path, "long")), most)
  assert.throws(() => tree.makeSymlink(root, parseEntryName("longer"), `${most}x`), code("ENAMETOOLONG"))
  assert.throws(() => tree.makeSymlink(root, parseEntryName("nul"), "a\0b"), code("EINVAL"))
})

test("FIFOs, sockets and devices are not shown, and nobody waits for them", async (t) => {
  const path = folderFor(t)
  assert.equal(spawnSync("mkfifo", [join(path, "fifo")]).status, 0)
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(join(path, "socket"), resolve))
  const isRoot = spawnSync("mknod", [join(path, "device"), "c", "1", "3"]).status === 0
  writeFileSync(join(path, "file"), "")
  const { tree, root } = openHostDirectory(t, path)
  assert.deepEqual(listNames(tree, root), ["file"])
  for (const name of ["fifo", "socket", ...(isRoot ? ["device"] : [])]) {
    assert.throws(() => tree.walk(root, parseEntryName(name)), code("EACCES"))
    assert.throws(() => tree.create(root, parseEntryName(name), WRITE, 0o644), code("EACCES"))
    assert.throws(() => tree.makeDirectory(root, parseEntryName(name), 0o755), code("EEXIST"))
  }
  await new Promise((resolve) => server.close(resolve))
})

test("a directory that is renamed away, or replaced, stays what it was for who holds it", (t) => {
  const path = folderFor(t)
  mkdirSync(join(path, "served/sub"), { recursive: true })
  writeFileSync(join(path, "served/sub/inside"), "inside")
  const { tree, root } = openHostDirectory(t, join(path, "served"))
  const sub = tree.walk(root, parseEntryName("sub"))
  renameSync(join(path, "served/sub"), join(path, "elsewhere"))
  symlinkSync("/etc", join(path, "served/sub"))
  assert.deepEqual(listNames(tree, sub), ["inside"])
  assert.throws(() => tree.walk(sub, parseEntryName("passwd")), code("ENOENT"))
  const replaced = tree.walk(root, parseEntryName("sub"))
  assert.throws(() => tree.walk(replaced, parseEntryName("passwd")), code("ENOTDIR"))
  // The served directory itself, too.
  renameSync(join(path, "served"), join(path, "gone"))
  symlinkSync("/etc", join(path, "served"))
  assert.deepEqual(listNames(tree, root), ["sub"])
  tree.release(replaced)
  tree.release(sub)
})

test("a mount inside is not crossed", (t) => {
  const { tree, root } = openHostDirectory(t, "/")
  assert.throws(() => tree.walk(root, parseEntryName("proc")), code("EACCES"))
})

test("nodes are found again by their names as long as they are the same", (t) => {
  const path = folderFor(t)
  mkdirSync(join(path, "d"))
  writeFileSync(join(path, "d/file"), "one")
  const { tree, root } = openHostDirectory(t, path)
  const names = [parseEntryName("d"), parseEntryName("file")]
  const { ino } = statSync(join(path, "d/file"), { bigint: true })
  const node = tree.reclaim(ino, names)
  assert.equal(readWhole(tree, node), "one")
  tree.release(node)
  tree.release(tree.reclaim(root.id, []))
  // Both are there at once: another inode for sure.
  writeFileSync(join(path, "d/other"), "two")
  renameSync(join(path, "d/other"), join(path, "d/file"))
  assert.throws(() => tree.reclaim(ino, names), code("ESTALE"))
  rmSync(join(path, "d"), { recursive: true })
  assert.throws(() => tree.reclaim(ino, names), code("ESTALE"))
})

test("a guest makes no program that runs as its owner, and gives nothing away", (t) => {
  const path = folderFor(t)
  const { tree, root } = openHostDirectory(t, path)
  const file = tree.create(root, parseEntryName("program"), WRITE, 0o6755)
  assert.equal(statSync(join(path, "program")).mode & 0o6000, 0)
  for (const mode of [0o4755, 0o2755]) {
    assert.throws(() => tree.setAttributes(file.node, { mode }), code("EPERM"))
  }
  assert.throws(() => tree.setAttributes(file.node, { uid: 0 }), code("EPERM"))
  assert.throws(() => tree.setAttributes(file.node, { gid: 0, size: 9 }), code("EPERM"))
  assert.equal(tree.attributes(file.node).size, 0)
  tree.setAttributes(file.node, { uid: 1000, gid: 1000 })
  chmodSync(join(path, "program"), 0o4755)
  tree.setAttributes(file.node, { mode: 0o4755 })
  tree.close(file)
  tree.release(file.node)
})

test("a file that is open for writing keeps being so when its mode forbids it", (t) => {
  const path = folderFor(t)
  const { tree, root } = openHostDirectory(t, path)
  const file = tree.create(root, parseEntryName("f"), WRITE, 0o444)
  tree.setAttributes(file.node, { size: 10 })
  assert.equal(statSync(join(path, "f")).size, 10)
  assert.throws(() => tree.setAttributes(file.node, { size: Number.MAX_SAFE_INTEGER }), code("EFBIG"))
  truncateSync(join(path, "f"), 0)
  tree.close(file)
  tree.release(file.node)
})

test("a tree for reading changes nothing, whoever asks", (t) => {
  const path = folderFor(t)
  writeFileSync(join(path, "file"), "kept")
  const { tree, root } = openHostDirectory(t, path, "read")
  const file = tree.walk(root, parseEntryName("file"))
  const name = parseEntryName("file")
  const refused: (() => unknown)[] = [
    () => tree.create(root, parseEntryName("new"), WRITE, 0o644),
    () => tree.create(root, name, READ, 0o644),
    () => tree.open(file, WRITE),
    () => tree.open(file, { ...READ, truncate: true }),
    () => tree.makeDirectory(root, parseEntryName("new"), 0o755),
    () => tree.makeSymlink(root, parseEntryName("new"), "x"),
    () => tree.rename(root, name, root, parseEntryName("new")),
    () => tree.remove(root, name, "other"),
    () => tree.setAttributes(file, { mode: 0o600 }),
    () => tree.setAttribute(file, "user.x", Buffer.from("x"), "any"),
    () => tree.removeAttribute(file, "user.x"),
  ]
  for (const act of refused) assert.throws(act, code("EROFS"))
  assert.deepEqual(readdirSync(path), ["file"])
  assert.equal(readWhole(tree, file), "kept")
  tree.release(file)
})

test("only attributes of user.* are served", (t) => {
  const path = folderFor(t)
  const { tree, root } = openHostDirectory(t, path)
  const file = tree.create(root, parseEntryName("f"), WRITE, 0o644)
  const value = Buffer.from("value")
  tree.setAttribute(file.node, "user.note", value, "create")
  assert.throws(() => tree.setAttribute(file.node, "user.note", value, "create"), code("EEXIST"))
  assert.throws(() => tree.setAttribute(file.node, "user.none", value, "replace"), code("ENODATA"))
  assert.deepEqual(tree.listAttributes(file.node), ["user.note"])
  assert.deepEqual(Buffer.from(tree.getAttribute(file.node, "user.note")), value)
  for (const name of ["security.capability", "trusted.x", "system.posix_acl_access"]) {
    assert.throws(() => tree.setAttribute(file.node, name, value, "any"), code("EOPNOTSUPP"))
  }
  assert.throws(() => tree.getAttribute(file.node, "user.note\0x"), code("EINVAL"))
  tree.removeAttribute(file.node, "user.note")
  assert.throws(() => tree.getAttribute(file.node, "user.note"), code("ENODATA"))
  tree.close(file)
  tree.release(file.node)
})

test("clients hold as many descriptors as they may, and not one more", (t) => {
  const path = folderFor(t)
  writeFileSync(join(path, "file"), "content")
  const tree = openTree(path, "write", 3)
  const root = tree.root()
  const name = parseEntryName("file")
  const nodes = [tree.walk(root, name), tree.walk(root, name)]
  const open = tree.open(root, READ)
  assert.throws(() => tree.walk(root, name), code("EMFILE"))
  assert.throws(() => tree.open(root, READ), code("EMFILE"))
  assert.throws(() => tree.create(root, parseEntryName("new"), WRITE, 0o644), code("EMFILE"))
  assert.deepEqual(readdirSync(path), ["file"])
  tree.close(open)
  nodes.push(tree.walk(root, name))
  for (const node of nodes) tree.release(node)
  for (let round = 0; round < 10; round++) {
    const node = tree.walk(root, name)
    assert.equal(readWhole(tree, node), "content")
    tree.release(node)
  }
})
