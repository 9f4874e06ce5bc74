import assert from "node:assert/strict"
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  writeSync,
} from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { ABIS } from "./abi.ts"
import { LinuxError, openLinux, POLL, POLLFD_BYTES } from "./index.ts"

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
  const { x64, ppc64 } = ABIS
  assert.ok(x64 && ppc64)
  assert.deepEqual([x64.TIOCSPTLCK, x64.TIOCGPTPEER, x64.TIOCGPTN], [0x40045431, 0x5441, 0x80045430])
  assert.deepEqual([x64.RNDADDENTROPY, x64.RNDRESEEDCRNG], [0x40085203, 0x5207])
  assert.deepEqual(
    [ppc64.TIOCSPTLCK, ppc64.TIOCGPTPEER, ppc64.TIOCGPTN],
    [0x80045431, 0x20005441, 0x40045430],
  )
  assert.deepEqual([ppc64.RNDADDENTROPY, ppc64.RNDRESEEDCRNG], [0x80085203, 0x20005207])
})

test("reading and writing that cannot be done now says so instead of waiting", () => {
  const { read, write } = linux.pipe()
  linux.setBlocking(read, false)
  linux.setBlocking(write, false)
  const buffer = Buffer.alloc(4)
  assert.equal(linux.readSome(read, buffer), undefined)
  assert.equal(linux.writeSome(write, Buffer.from("abcdef")), 6)
  assert.equal(linux.readSome(read, buffer), 4)
  while (linux.writeSome(write, Buffer.alloc(4096)) !== undefined);
  closeSync(read)
  assert.throws(() => linux.writeSome(write, buffer), { code: "EPIPE" })
  closeSync(write)
})

test("a pipe waits again, whichever of its descriptors said so", () => {
  const neverBlocks = (fd: number) => {
    const [, flags = ""] = /^flags:\s+(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8")) ?? []
    return (Number.parseInt(flags, 8) & constants.O_NONBLOCK) !== 0
  }
  const { read, write } = linux.pipe()
  const other = linux.duplicate(read)
  linux.setBlocking(read, false)
  assert.equal(neverBlocks(other), true)
  linux.setBlocking(other, true)
  assert.equal(neverBlocks(read), false)
  for (const fd of [read, write, other]) closeSync(fd)
})

test("a spawned process has its directory, environment, streams, and no other descriptor", () => {
  const output = linux.pipe()
  const nothing = openSync("/dev/null", "r+")
  const unrelated = openSync("/dev/zero", "r")
  const pid = linux.spawn({
    file: "/bin/sh",
    argv: ["sh", "-c", "pwd; echo $A; ls -l /proc/self/fd | grep -c zero; exit 7"],
    environment: ["A=1", "PATH=/usr/bin:/bin"],
    workingDirectory: "/usr",
    stdio: [nothing, output.write, nothing],
    account: undefined,
  })
  const pidfd = linux.openPidfd(pid)
  closeSync(output.write)
  const pollfd = Buffer.alloc(POLLFD_BYTES)
  pollfd.writeInt32LE(pidfd, 0)
  pollfd.writeInt16LE(POLL.in, 4)
  assert.equal(linux.poll(pollfd, 1, 10_000), 1)
  assert.deepEqual(linux.collectChild(pidfd), { kind: "code", code: 7 })
  const buffer = Buffer.alloc(200)
  assert.equal(buffer.toString("utf8", 0, readSync(output.read, buffer)), "/usr\n1\n0\n")
  for (const fd of [output.read, nothing, unrelated, pidfd]) closeSync(fd)
})

test("what cannot be spawned says why, and leaves no descriptor open", () => {
  const spawn = (file: string, workingDirectory: string) => () =>
    linux.spawn({
      file,
      argv: [file],
      environment: [],
      workingDirectory,
      stdio: [0, 1, 2],
      account: undefined,
    })
  const before = readdirSync("/proc/self/fd").length
  assert.throws(spawn("/no/such/program", "/"), { code: "ENOENT" })
  assert.throws(spawn("/etc/passwd", "/"), { code: "EACCES" })
  assert.throws(spawn("/bin/true", "/no/such/directory"), { code: "ENOENT" })
  assert.equal(readdirSync("/proc/self/fd").length, before)
})
