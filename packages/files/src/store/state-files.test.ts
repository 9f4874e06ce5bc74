import assert from "node:assert/strict"
import { test } from "node:test"
import { type EntryRow, STATE_METHODS as METHODS } from "@skerry/rpc"
import { named, WRITE } from "../conformance/scene.ts"
import { TREE_LIMITS } from "../file-tree.ts"
import { code, edit, opened, path } from "./testing/opened-store.ts"

test("a tree goes out and into another place, and one that was cut off leaves nothing", () => {
  using caller = opened()
  edit(caller, "mail", (scene) => {
    const directory = scene.directory(scene.root, "d")
    const open = scene.create(directory, named("holes"))
    scene.write(open, "x", 1_000_000)
    scene.file(directory, "empty")
    scene.keep(scene.tree.makeSymlink(directory, named("link"), "../x"))
    scene.tree.setAttributes(directory, { modifyTime: 5_000_000_000n })
  })
  const { output } = caller.call(METHODS.stateExport, { tree: "mail", version: "", path: path("d") })
  const into = { tree: "other", path: path("a/b"), merge: false }
  assert.throws(() => caller.call(METHODS.stateImport, into, output.subarray(0, -5)), code("bad-request"))
  edit(caller, "other", (scene) => assert.deepEqual(scene.names(scene.root), []))
  const { result } = caller.call(METHODS.stateImport, into, output)
  assert.deepEqual([result.files, result.bytes, result.version], [3n, 1_000_001n, 1])
  assert.throws(() => caller.call(METHODS.stateImport, into, output), code("exists"))
  caller.call(METHODS.stateImport, { ...into, merge: true }, output)
  const shown = caller.rows<EntryRow, unknown, unknown, unknown, unknown>(METHODS.stateShow as never, {
    tree: "other",
    version: "",
    path: path(""),
    deep: true,
  })
  assert.deepEqual(
    shown.map(({ kind, path, size }) => `${path} ${kind} ${size}`),
    ["a directory 0", "a/b directory 0", "a/b/empty file 0", "a/b/holes file 1000001", "a/b/link symlink 4"],
  )
  assert.equal(shown[1]?.modifyTime, 5000)
})

test("the longest file that there can be goes out and in again in an instant, with the few bytes that it has", () => {
  using caller = opened()
  const most = TREE_LIMITS.fileBytes
  edit(caller, "mail", (scene) => {
    const open = scene.create(scene.root, named("sparse"), WRITE)
    scene.write(open, "head", 0)
    scene.write(open, "tail", most - 10)
    scene.tree.setAttributes(open.node, { size: most })
  })
  const all = { tree: "mail", version: "", path: path("") }
  const { output, result } = caller.call(METHODS.stateExport, all)
  assert.ok(output.length < 200_000, `${output.length} bytes`)
  assert.equal(result.bytes, BigInt(most))
  const into = { tree: "other", path: path(""), merge: false }
  assert.equal(caller.call(METHODS.stateImport, into, output).result.bytes, BigInt(most))
  assert.deepEqual(caller.call(METHODS.stateExport, { ...all, tree: "other" }).output, output)
  // One byte more, and a hole beyond the end.
  const size = output.indexOf(Buffer.from(new BigUint64Array([BigInt(most)]).buffer))
  const longer = Buffer.from(output)
  longer.writeBigUInt64LE(BigInt(most) + 1n, size)
  assert.throws(
    () => caller.call(METHODS.stateImport, { ...into, merge: true }, longer),
    /more than a file may have: sparse/,
  )
  longer.writeBigUInt64LE(BigInt(most) - 1n, size)
  assert.throws(() => caller.call(METHODS.stateImport, { ...into, merge: true }, longer), /more content than/)
})
