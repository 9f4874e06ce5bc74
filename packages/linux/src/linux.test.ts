import assert from "node:assert/strict"
import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { ABIS } from "./abi.ts"
import { LinuxError, openLinux } from "./index.ts"

const linux = openLinux()

test("a descriptor sent over a socket opens the same file at the other end", () => {
  const [left, right] = linux.socketPair()
  const fd = openSync("/dev/zero", "r")
  linux.sendDescriptors(left, Buffer.from("x"), [fd])
  const received = linux.receiveDescriptors(right, 1)
  assert.deepEqual(received?.untrustedBytes, Buffer.from("x"))
  const [copy = -1] = received?.descriptors ?? []
  assert.notEqual(copy, fd)
  assert.equal(fstatSync(copy).rdev, fstatSync(fd).rdev)
  for (const each of [left, right, fd, copy]) closeSync(each)
})

test("messages with descriptors do not run together", () => {
  const [left, right] = linux.socketPair()
  linux.sendDescriptors(left, Buffer.from("a"), [left, right, left])
  linux.sendDescriptors(left, Buffer.from("b"), [left])
  const first = linux.receiveDescriptors(right, 8)
  const second = linux.receiveDescriptors(right, 8)
  assert.deepEqual([first?.untrustedBytes.toString(), first?.descriptors.length], ["a", 3])
  assert.deepEqual([second?.untrustedBytes.toString(), second?.descriptors.length], ["b", 1])
  for (const each of [left, right, ...(first?.descriptors ?? []), ...(second?.descriptors ?? [])])
    closeSync(each)
})

test("receiving does not wait, and tells a closed socket from a silent one", () => {
  const [left, right] = linux.socketPair()
  assert.equal(linux.receiveDescriptors(right, 1), undefined)
  closeSync(left)
  assert.equal(linux.receiveDescriptors(right, 1)?.untrustedBytes.length, 0)
  closeSync(right)
})

test("a message takes 16 descriptors and not 17", () => {
  const [left, right] = linux.socketPair()
  assert.throws(
    () => linux.sendDescriptors(left, Buffer.from("x"), new Array<number>(17).fill(left)),
    RangeError,
  )
  linux.sendDescriptors(left, Buffer.from("x"), new Array<number>(16).fill(left))
  const received = linux.receiveDescriptors(right, 1)
  assert.equal(received?.descriptors.length, 16)
  for (const each of [left, right, ...(received?.descriptors ?? [])]) closeSync(each)
})

test("a sealed memory file can be neither written nor resized", () => {
  const fd = linux.memfdCreate("test")
  writeSync(fd, "hello")
  linux.addSeals(fd, ["shrink", "grow", "write", "seal"])
  assert.deepEqual(linux.getSeals(fd), ["seal", "shrink", "grow", "write"])
  assert.throws(() => writeSync(fd, "x", 0), { code: "EPERM" })
  assert.throws(() => ftruncateSync(fd, 100), { code: "EPERM" })
  assert.throws(() => linux.addSeals(fd, ["future-write"]), { name: "LinuxError", code: "EPERM" })
  closeSync(fd)
})

test("a lock is held by one open file and goes with its close", async () => {
  const directory = await mkdtemp(join(tmpdir(), "skerry-lock-"))
  const first = openSync(join(directory, "lock"), "w")
  const second = openSync(join(directory, "lock"), "w")
  assert.equal(linux.tryLock(first), true)
  assert.equal(linux.tryLock(second), false)
  closeSync(first)
  assert.equal(linux.tryLock(second), true)
  closeSync(second)
  await rm(directory, { recursive: true })
})

test("a pseudo-terminal carries bytes both ways", () => {
  const { master, slave } = linux.openPty({ rows: 24, columns: 80 })
  linux.setWindowSize(master, { rows: 50, columns: 132 })
  writeSync(slave, "hi\n")
  const buffer = Buffer.alloc(16)
  assert.equal(buffer.toString("latin1", 0, readSync(master, buffer)), "hi\r\n")
  linux.passOutputUnchanged(slave)
  writeSync(slave, "down\n")
  assert.equal(buffer.toString("latin1", 0, readSync(master, buffer)), "down\n")
  closeSync(slave)
  closeSync(master)
})

test("a pipe tells how many bytes wait in it", () => {
  const { read, write } = linux.pipe()
  assert.equal(linux.bytesWaiting(read), 0)
  writeSync(write, "hello")
  assert.equal(linux.bytesWaiting(read), 5)
  assert.equal(linux.isHungUp(read), false)
  closeSync(write)
  assert.equal(linux.isHungUp(read), true)
  closeSync(read)
})

test("the peer of a socket pair is this process", () => {
  const [left, right] = linux.socketPair()
  assert.deepEqual(linux.peerCredentials(left), {
    pid: process.pid,
    uid: process.getuid?.(),
    gid: process.getgid?.(),
  })
  closeSync(left)
  closeSync(right)
})

test("a failed call says which, why and about what", () => {
  assert.throws(
    () => linux.bindMount("/nonexistent/source", "/nonexistent/target"),
    (error) =>
      error instanceof LinuxError &&
      ["ENOENT", "EPERM"].includes(error.code) &&
      error.message.startsWith("mount failed with") &&
      error.message.endsWith("/nonexistent/source on /nonexistent/target"),
  )
})

test("ioctl numbers follow each architecture's encoding", () => {
  assert.deepEqual(ABIS.x64, {
    SO_PEERCRED: 17,
    TIOCSWINSZ: 0x5414,
    FIONREAD: 0x541b,
    TCGETS: 0x5401,
    TCSETS: 0x5402,
    TIOCSPTLCK: 0x40045431,
    TIOCGPTPEER: 0x5441,
    RNDADDENTROPY: 0x40085203,
    RNDRESEEDCRNG: 0x5207,
  })
  assert.deepEqual(ABIS.ppc64, {
    SO_PEERCRED: 21,
    TIOCSWINSZ: 0x80087467,
    FIONREAD: 0x4004667f,
    TCGETS: 0x402c7413,
    TCSETS: 0x802c7414,
    TIOCSPTLCK: 0x80045431,
    TIOCGPTPEER: 0x20005441,
    RNDADDENTROPY: 0x80085203,
    RNDRESEEDCRNG: 0x20005207,
  })
})
