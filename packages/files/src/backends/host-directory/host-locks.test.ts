import assert from "node:assert/strict"
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs"
import { constants, tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { openLinux } from "@skerry/linux"
import * as op from "../../client/operations.ts"
import { getlock, type LockRequest, lock } from "../../client/operations-more.ts"
import { OPEN } from "../../codec/messages.ts"
import { connect } from "../../conformance/session.ts"
import { directorySource } from "../../program/directory-source.ts"
import { MOST_LOCKED_FILES } from "./host-locks.ts"

interface Cleanup {
  after(action: () => void): void
}

const hostCalls = openLinux().fileCalls()

/** A directory with a file "f". */
function folderOf(t: Cleanup): string {
  const path = mkdtempSync(join(tmpdir(), "skerry-host-locks-"))
  t.after(() => rmSync(path, { recursive: true }))
  writeFileSync(join(path, "f"), "content")
  return path
}

/** A file server's source of its own: what it locks is apart from what others do, as in a process of its own. */
function serverOf(path: string, access: "read" | "write" = "write", calls = hostCalls) {
  const source = directorySource({ calls, path, handle: undefined, access, uid: process.getuid?.() ?? -1 })
  return (only = "") => {
    const connected = connect(source.open({ kind: "directory", only }), { access })
    const open = (name: string) => {
      const fid = connected.walk(0, name)
      connected.client.call(op.lopen(fid, access === "write" ? OPEN.readWrite : 0))
      return fid
    }
    const file = open("f")
    const ask = (type: LockRequest["type"], start = 0, length = 0, fid = file) =>
      connected.client.call(lock(fid, { type, start: BigInt(start), length: BigInt(length), process: 1 }))
    return { ...connected, file, open, ask }
  }
}

/** What a program of the host does: 0, or a negative errno. */
function program(t: Cleanup, path: string) {
  const fd = openSync(join(path, "f"), "r+")
  t.after(() => closeSync(fd))
  return {
    lock: (kind: "read" | "write" | "none", start = 0, length = 0) =>
      hostCalls.lockRange(fd, kind, BigInt(start), BigInt(length)) === 0,
  }
}

test("who has a file and who has its directory see each other's locks", (t) => {
  const client = serverOf(folderOf(t))
  const [whole, single] = [client(), client("f")]
  assert.equal(whole.ask("write", 0, 10), "granted")
  assert.equal(single.ask("read", 5, 1), "blocked")
  assert.equal(single.ask("write", 10, 10), "granted")
  assert.equal(whole.ask("read", 0, 0), "blocked")
})

test("two servers that have one file see each other's locks, until they are given back", (t) => {
  const path = folderOf(t)
  const [one, two] = [serverOf(path)(), serverOf(path)()]
  assert.equal(one.ask("write", 0, 30), "granted")
  assert.equal(two.ask("read", 20, 1), "blocked")
  assert.equal(one.ask("unlock", 10, 10), "granted")
  assert.equal(two.ask("write", 10, 10), "granted")
  assert.equal(two.ask("write", 9, 1), "blocked")
  assert.equal(two.ask("write", 20, 1), "blocked")
  one.session.close()
  assert.equal(two.ask("write", 0, 0), "granted")
})

test("what one client of several gives back, the others of its server keep from everybody", (t) => {
  const path = folderOf(t)
  const client = serverOf(path)
  const [first, second, other] = [client(), client(), program(t, path)]
  assert.equal(first.ask("read", 0, 20), "granted")
  assert.equal(second.ask("read", 10, 20), "granted")
  assert.equal(first.ask("unlock", 0, 0), "granted")
  assert.equal(other.lock("write", 0, 10), true)
  assert.equal(other.lock("write", 10, 1), false)
  assert.equal(other.lock("read", 10, 1), true)
  second.client.call(op.clunk(second.file))
  assert.equal(other.lock("write", 0, 0), true)
})

test("programs of the host and clients see each other's locks, wherever in the file", (t) => {
  const path = folderOf(t)
  const [client, other] = [serverOf(path)(), program(t, path)]
  assert.equal(other.lock("write", 100, 1), true)
  assert.equal(client.ask("write", 0, 0), "blocked")
  assert.equal(client.ask("write", 0, 100), "granted")
  assert.equal(other.lock("read", 99, 1), false)
  // Offsets that Linux does not have can't be locked there, and are among clients.
  const far = { type: "write", start: 1n << 63n, length: 1n, process: 1 } as const
  assert.equal(client.client.call(lock(client.file, far)), "granted")
  assert.equal(
    client.client.call(lock(client.file, { ...far, start: far.start - 1n, length: 0n })),
    "granted",
  )
  const free = { type: "unlock", start: 0n, length: 0n, process: 1 } as const
  const { type } = client.client.call(getlock(client.file, { ...free, type: "write" }))
  assert.equal(type, "unlock")
})

test("who may only read is kept out by locks, and keeps nobody out on the host", (t) => {
  const path = folderOf(t)
  const client = serverOf(path, "read")
  const [reader, another, other] = [client(), client(), program(t, path)]
  assert.equal(other.lock("write", 0, 10), true)
  assert.equal(reader.ask("read", 0, 1), "blocked")
  assert.equal(reader.ask("read", 10, 10), "granted")
  assert.equal(other.lock("write", 10, 10), true)
  // Among themselves they are as they were: flock(2) takes such a lock of a file that can only be read.
  assert.equal(reader.ask("write", 50, 10), "granted")
  assert.equal(another.ask("read", 50, 10), "blocked")
})

test("so many files are locked at once, and one more is refused until one is free", (t) => {
  const path = folderOf(t)
  const client = serverOf(path)()
  const fids = Array.from({ length: MOST_LOCKED_FILES + 1 }, (_, index) => {
    writeFileSync(join(path, `f${index}`), "")
    return client.open(`f${index}`)
  })
  const last = fids.pop() ?? 0
  for (const fid of fids) assert.equal(client.ask("write", 0, 0, fid), "granted")
  assert.equal(client.ask("write", 0, 0, last), "refused")
  assert.equal(client.ask("unlock", 0, 0, fids[0]), "granted")
  assert.equal(client.ask("write", 0, 0, last), "granted")
  client.session.close()
})

test("where no descriptor is left to lock a file with, nobody is told that it is locked", (t) => {
  let left = true
  const reopen: typeof hostCalls.reopen = (...args) =>
    left ? hostCalls.reopen(...args) : -constants.errno.EMFILE
  const client = serverOf(folderOf(t), "write", { ...hostCalls, reopen })()
  left = false
  assert.equal(client.ask("write"), "refused")
  left = true
  assert.equal(client.ask("write"), "granted")
})
