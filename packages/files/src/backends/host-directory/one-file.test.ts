import assert from "node:assert/strict"
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { parseEntryName } from "../../codec/entry-name.ts"
import type { FileErrorCode, FileTree } from "../../file-tree.ts"
import { OneFile } from "./one-file.ts"
import { folderFor, listNames, openHostDirectory, READ, readWhole, WRITE } from "./testing.ts"

const NAME = parseEntryName("report.pdf")
const OTHER = parseEntryName("secret")
const code = (expected: FileErrorCode) => (error: unknown) =>
  error instanceof Error && "code" in error && error.code === expected

test("of a directory one file is there, and nothing can be made, moved or removed", (t) => {
  const path = folderFor(t)
  writeFileSync(join(path, NAME), "report")
  writeFileSync(join(path, OTHER), "secret")
  const { tree: whole } = openHostDirectory(t, path)
  const tree: FileTree = new OneFile(whole, NAME)
  const root = tree.root()
  assert.deepEqual(listNames(tree, root), [NAME])
  assert.equal(tree.attributes(root).mode & 0o222, 0)
  const file = tree.walk(root, NAME)
  assert.equal(readWhole(tree, file), "report")
  const open = tree.create(root, NAME, WRITE, 0o644)
  assert.equal(tree.write(open, Buffer.from("R"), 0), 1)
  tree.close(open)
  tree.release(open.node)
  assert.equal(readFileSync(join(path, NAME), "utf8"), "Report")
  const refused: readonly (readonly [FileErrorCode, () => unknown])[] = [
    ["ENOENT", () => tree.walk(root, OTHER)],
    ["ENOTDIR", () => tree.walk(file, NAME)],
    ["EPERM", () => tree.create(root, OTHER, WRITE, 0o644)],
    ["EEXIST", () => tree.create(root, NAME, { ...WRITE, exclusive: true }, 0o644)],
    ["EPERM", () => tree.makeDirectory(root, OTHER, 0o755)],
    ["EPERM", () => tree.makeSymlink(root, OTHER, "x")],
    ["EPERM", () => tree.rename(root, NAME, root, OTHER)],
    ["EPERM", () => tree.remove(root, NAME, "other")],
    ["EPERM", () => tree.setAttributes(root, { mode: 0o777 })],
    ["EPERM", () => tree.setAttribute(root, "user.x", Buffer.from("x"), "any")],
    ["ESTALE", () => tree.reclaim(file.id, [OTHER])],
    ["ESTALE", () => tree.reclaim(file.id, [])],
  ]
  for (const [expected, act] of refused) assert.throws(act, code(expected))
  tree.release(tree.reclaim(file.id, [NAME]))
  tree.release(tree.reclaim(root.id, []))
  assert.deepEqual(readdirSync(path).sort(), [NAME, OTHER].sort())
  tree.release(file)
  tree.release(root)
})

test("what takes the file's place is found, if it is a file", (t) => {
  const path = folderFor(t)
  writeFileSync(join(path, NAME), "one")
  const { tree: whole } = openHostDirectory(t, path)
  const tree: FileTree = new OneFile(whole, NAME)
  const root = tree.root()
  const first = tree.walk(root, NAME)
  writeFileSync(join(path, "temporary"), "two")
  renameSync(join(path, "temporary"), join(path, NAME))
  const second = tree.walk(root, NAME)
  assert.deepEqual([readWhole(tree, first), readWhole(tree, second)], ["one", "two"])
  rmSync(join(path, NAME))
  assert.deepEqual(listNames(tree, root), [])
  symlinkSync("/etc/passwd", join(path, NAME))
  const refusesReclaim = () => {
    // The number of a node is no secret.
    const node = whole.walk(root, NAME)
    assert.throws(() => tree.reclaim(node.id, [NAME]), code("ESTALE"))
    whole.release(node)
  }
  refusesReclaim()
  assert.throws(() => tree.walk(root, NAME), code("ENOENT"))
  assert.throws(() => tree.create(root, NAME, READ, 0o644), code("ENOENT"))
  rmSync(join(path, NAME))
  mkdirSync(join(path, NAME))
  refusesReclaim()
  assert.throws(() => tree.walk(root, NAME), code("ENOENT"))
  for (const node of [first, second, root]) tree.release(node)
})
