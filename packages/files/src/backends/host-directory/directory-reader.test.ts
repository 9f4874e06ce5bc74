import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { constants, linkSync, mkdirSync, openSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { type FileCalls, openLinux } from "@skerry/linux"
import * as op from "../../client/operations.ts"
import { parseEntryName } from "../../codec/entry-name.ts"
import { connect } from "../../conformance/session.ts"
import { listEntries } from "../../entry-list.ts"
import { ServedTree } from "../../server/served-tree.ts"
import { HostDirectory } from "./host-directory.ts"
import { folderFor, listNames, openHostDirectory, READ } from "./testing.ts"

/** So that as many are read as are asked for, and not more that do not fit. */
const long = (name: string) => name.padEnd(255, "-")

test("entries that stay are returned once each while others come and go", (t) => {
  const path = folderFor(t)
  const kept = Array.from({ length: 800 }, (_, index) => long(`kept-${index}`))
  for (const name of kept) writeFileSync(join(path, name), "")
  for (let index = 0; index < 300; index++) writeFileSync(join(path, long(`old-${index}`)), "")
  const { tree, root } = openHostDirectory(t, path)
  const directory = tree.open(root, READ)
  const other = tree.open(root, READ)
  const seen: string[] = []
  let round = 0
  for (let cursor = 0n; ; ) {
    const entries = listEntries(tree, directory, cursor, 37)
    if (round % 3 !== 0) tree.prepare()
    // Somebody else reads in between, from other places.
    if (round % 3 !== 1) listEntries(tree, other, round % 2 === 0 ? 0n : cursor, 5)
    const last = entries.at(-1)
    if (last === undefined) break
    seen.push(...entries.map(({ name }) => String(name)).filter((name) => name.startsWith("kept")))
    cursor = last.cursor
    rmSync(join(path, long(`old-${round}`)), { force: true })
    writeFileSync(join(path, long(`new-${round}`)), "")
    round += 1
  }
  assert.equal(seen.length, kept.length)
  assert.deepEqual(new Set(seen), new Set(kept))
  for (const made of [1n, 12_345n, (1n << 63n) - 1n, 1n << 63n, (1n << 64n) - 1n]) {
    listEntries(tree, directory, made, 10)
  }
  tree.close(directory)
  tree.close(other)
})

test("a directory is read in answers of any size, each entry once", (t) => {
  const path = folderFor(t)
  const names = Array.from({ length: 255 }, (_, index) => "n".repeat(index + 1))
  for (const name of names) writeFileSync(join(path, name), "")
  const { tree } = openHostDirectory(t, path)
  const { client, session, walk } = connect(new ServedTree(tree))
  for (const bytes of [24 + 255, 300, 4096, 128 * 1024]) {
    const fid = walk(0)
    client.call(op.lopen(fid, 0))
    const seen: string[] = []
    for (let offset = 0n; ; ) {
      const entries = client.call(op.readdir(fid, offset, bytes))
      const last = entries.at(-1)
      if (last === undefined) break
      for (const { name, qid, type } of entries) {
        seen.push(name)
        if (name.startsWith(".")) continue
        assert.deepEqual([type, qid.kind, qid.id], [8, 0, statSync(join(path, name), { bigint: true }).ino])
      }
      offset = last.offset
    }
    assert.equal(seen.length, names.length + 2)
    assert.deepEqual(new Set(seen), new Set([".", "..", ...names]))
    client.call(op.clunk(fid))
  }
  session.close()
})

test("a directory of more than is read at once, none of which is shown, has an end and what comes behind", (t) => {
  const path = folderFor(t)
  assert.equal(spawnSync("mkfifo", [join(path, "fifo")]).status, 0)
  for (let index = 0; index < 100; index++) linkSync(join(path, "fifo"), join(path, `fifo-${index}`))
  const { tree, root } = openHostDirectory(t, path)
  assert.deepEqual(listNames(tree, root, 1), [])
  writeFileSync(join(path, "first"), "")
  for (let index = 100; index < 200; index++) linkSync(join(path, "fifo"), join(path, `fifo-${index}`))
  writeFileSync(join(path, "last"), "")
  const shown = listNames(tree, root, 1)
  assert.equal(shown.length, 2)
  assert.deepEqual(new Set(shown), new Set(["first", "last"]))
})

test("what was read ahead is not taken for what is elsewhere, or another directory's", (t) => {
  const path = folderFor(t)
  for (const name of ["full", "empty"]) mkdirSync(join(path, name))
  for (let index = 0; index < 100; index++) writeFileSync(join(path, "full", long(`f${index}`)), "")
  const { tree, root } = openHostDirectory(t, path)
  const [full, empty] = ["full", "empty"].map((name) => tree.walk(root, parseEntryName(name)))
  assert.ok(full !== undefined && empty !== undefined)
  const first = tree.open(full, READ)
  const entries = listEntries(tree, first, 0n, 10)
  const cursor = entries.at(-1)?.cursor ?? 0n
  tree.prepare()
  assert.deepEqual(listEntries(tree, first, 0n, 10), entries)
  tree.prepare()
  tree.close(first)
  // Linux gives it the descriptor that was closed last.
  const second = tree.open(empty, READ)
  assert.equal("fd" in second && "fd" in first && second.fd === first.fd, true)
  assert.deepEqual(listEntries(tree, second, cursor, 10), [])
  tree.close(second)
  tree.release(full)
  tree.release(empty)
})

test("where a directory does not say what its entries are, each is looked at, and those that are gone are left out", (t) => {
  const path = folderFor(t)
  for (const name of ["file", "gone"]) writeFileSync(join(path, name), "")
  mkdirSync(join(path, "directory"))
  const real = openLinux().fileCalls()
  const calls: FileCalls = {
    ...real,
    readDirectory(fd, target) {
      const bytes = real.readDirectory(fd, target)
      const view = new DataView(target.buffer, target.byteOffset)
      for (let at = 0; at < bytes; at += view.getUint16(at + 16, true)) view.setUint8(at + 18, 0)
      rmSync(join(path, "gone"), { force: true })
      return bytes
    },
  }
  const root = openSync(path, constants.O_RDONLY)
  const tree = new HostDirectory({ calls, root, access: "read", mostDescriptors: 10, uid: 0 })
  const directory = tree.open(tree.root(), READ)
  const kinds = new Map(listEntries(tree, directory, 0n, 10).map(({ name, kind }) => [String(name), kind]))
  assert.deepEqual(
    kinds,
    new Map([
      ["file", "file"],
      ["directory", "directory"],
    ]),
  )
  tree.close(directory)
  for (let hold = 0; hold < 2; hold++) tree.release(directory.node)
})
