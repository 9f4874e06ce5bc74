import assert from "node:assert/strict"
import {
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { constants as numbers, tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { openLinux, STATVFS_BYTES, STATX_BYTES } from "./index.ts"

const { errno } = numbers
const calls = openLinux().fileCalls()
const O_PATH = 0o10000000

function folder(t: { after(fn: () => void): void }) {
  const path = mkdtempSync(join(tmpdir(), "skerry-file-calls-"))
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY)
  t.after(() => closeSync(fd))
  return { path, fd }
}

test("a name is opened beneath its directory, and nothing else is", (t) => {
  const { path, fd } = folder(t)
  writeFileSync(join(path, "file"), "hello")
  symlinkSync("/etc/passwd", join(path, "absolute"))
  symlinkSync("file", join(path, "relative"))
  const file = calls.open(fd, "file", constants.O_RDONLY, 0)
  const target = Buffer.alloc(16)
  assert.equal(calls.read(file, target, 1), 4)
  assert.equal(target.toString("latin1", 0, 4), "ello")
  assert.equal(calls.close(file), 0)
  assert.equal(calls.close(file), -errno.EBADF)
  for (const link of ["absolute", "relative"]) {
    assert.equal(calls.open(fd, link, constants.O_RDONLY, 0), -errno.ELOOP)
    const held = calls.open(fd, link, O_PATH | constants.O_NOFOLLOW, 0)
    const read = calls.readSymlink(held, target)
    assert.ok(read > 0)
    calls.close(held)
  }
  assert.equal(calls.open(fd, "..", O_PATH, 0), -errno.EXDEV)
  assert.equal(calls.open(fd, "/etc", O_PATH, 0), -errno.EXDEV)
  assert.equal(calls.open(fd, "missing", O_PATH, 0), -errno.ENOENT)
  assert.throws(() => calls.open(fd, "x".repeat(4097), O_PATH, 0), RangeError)
})

test("a mount point is not crossed", (t) => {
  const root = openSync("/", constants.O_RDONLY)
  t.after(() => closeSync(root))
  assert.equal(calls.open(root, "proc", O_PATH, 0), -errno.EXDEV)
})

test("names are bytes", (t) => {
  const { path, fd } = folder(t)
  const name = "caf\xe9\xff"
  assert.equal(calls.makeDirectory(fd, name, 0o755), 0)
  const listed = Buffer.alloc(4096)
  const opened = calls.openDirectory(fd)
  const count = calls.readDirectory(opened, listed)
  assert.ok(listed.subarray(0, count).includes(Buffer.from(name, "latin1")))
  assert.equal(calls.seek(opened, 0n), 0)
  calls.close(opened)
  assert.equal(
    statSync(Buffer.concat([Buffer.from(`${path}/`), Buffer.from(name, "latin1")])).isDirectory(),
    true,
  )
  assert.equal(calls.remove(fd, name, true), 0)
})

test("what an O_PATH descriptor holds is looked at, changed and opened by it alone", (t) => {
  const { path, fd } = folder(t)
  writeFileSync(join(path, "file"), "hello")
  const held = calls.open(fd, "file", O_PATH | constants.O_NOFOLLOW, 0)
  assert.equal(calls.rename(fd, "file", fd, "moved", 0), 0)
  const stat = new DataView(new ArrayBuffer(STATX_BYTES))
  assert.equal(calls.stat(held, new Uint8Array(stat.buffer)), 0)
  const moved = statSync(join(path, "moved"), { bigint: true })
  assert.equal(stat.getBigUint64(32, true), moved.ino)
  assert.equal(calls.changeMode(held, 0o600), 0)
  assert.equal(calls.truncate(held, 2), 0)
  assert.equal(calls.setTimes(held, -1n, 1_500_000_000n), 0)
  assert.equal(calls.setAttribute(held, "user.note", Buffer.from("x"), 0), 0)
  assert.equal(calls.getAttribute(held, "user.note", Buffer.alloc(8)), 1)
  assert.equal(calls.listAttributes(held, Buffer.alloc(64)), "user.note\0".length)
  assert.equal(calls.removeAttribute(held, "user.note"), 0)
  const after = statSync(join(path, "moved"), { bigint: true })
  assert.deepEqual(
    [after.mode & 0o777n, after.size, after.mtimeNs, after.atimeNs],
    [0o600n, 2n, 1_500_000_000n, -1n],
  )
  const opened = calls.reopen(held, constants.O_RDWR)
  assert.equal(calls.write(opened, Buffer.from("HE"), 0), 2)
  assert.equal(calls.synchronise(opened), 0)
  assert.equal(calls.synchroniseData(opened), 0)
  assert.equal(readFileSync(join(path, "moved"), "latin1"), "HE")
  for (const each of [held, opened]) calls.close(each)
})

test("a hole is punched, and the size stays", (t) => {
  const { path } = folder(t)
  const fd = openSync(join(path, "big"), "w+")
  t.after(() => closeSync(fd))
  calls.write(fd, Buffer.alloc(1 << 20, 1), 0)
  const before = fstatSync(fd).blocks
  const result = calls.punchHole(fd, 0, 512 * 1024)
  if (result === -errno.EOPNOTSUPP) return t.skip("this file system has no holes")
  assert.equal(result, 0)
  assert.equal(fstatSync(fd).size, 1 << 20)
  assert.ok(fstatSync(fd).blocks < before)
})

test("writing to disk is begun, of a file alone", (t) => {
  const { path } = folder(t)
  const file = openSync(join(path, "file"), "w+")
  t.after(() => closeSync(file))
  calls.write(file, Buffer.alloc(1 << 20, 1), 0)
  assert.equal(calls.startWriting(file, 4096, 1 << 19), 0)
  assert.equal(calls.startWriting(1000, 0, 4096), -errno.EBADF)
})

test("file systems tell their space", (t) => {
  const { path, fd } = folder(t)
  mkdirSync(join(path, "d"))
  const space = Buffer.alloc(STATVFS_BYTES)
  assert.equal(calls.fileSystem(fd, space), 0)
  assert.ok(space.readBigUInt64LE(16) > 0n)
  assert.equal(calls.synchroniseFileSystem(fd), 0)
  assert.ok(calls.raiseDescriptorLimit() >= 1024)
})

test("a range that one description has locked is in the way of another, until it is given back", (t) => {
  const { path } = folder(t)
  writeFileSync(join(path, "file"), "")
  const open = () => {
    const fd = openSync(join(path, "file"), "r+")
    t.after(() => closeSync(fd))
    return fd
  }
  const [one, two] = [open(), open()]
  assert.equal(calls.lockRange(one, "write", 10n, 10n), 0)
  assert.equal(calls.lockRange(two, "read", 19n, 1n), -errno.EAGAIN)
  assert.equal(calls.lockInTheWay(two, "read", 19n, 1n), 1)
  assert.equal(calls.lockInTheWay(two, "read", 20n, 0n), 0)
  assert.equal(calls.lockRange(one, "read", 10n, 10n), 0)
  assert.equal(calls.lockInTheWay(two, "read", 0n, 0n), 0)
  assert.equal(calls.lockRange(two, "write", 0n, 0n), -errno.EAGAIN)
  assert.equal(calls.lockRange(one, "none", 0n, 0n), 0)
  assert.equal(calls.lockRange(two, "write", 0n, 0n), 0)
  assert.equal(calls.lockRange(-1, "read", 0n, 0n), -errno.EBADF)
})

test("holes are found, and that there is nothing more", (t) => {
  const { path } = folder(t)
  writeFileSync(join(path, "file"), "head")
  const fd = openSync(join(path, "file"), "r+")
  t.after(() => closeSync(fd))
  const far = 2 ** 40
  assert.equal(calls.write(fd, Buffer.from("tail"), far), 4)
  const hole = calls.seekHole(fd, 0)
  assert.ok(hole >= 4 && hole < far, `${hole}`)
  const data = calls.seekData(fd, hole)
  assert.ok(data > hole && data <= far, `${data}`)
  assert.equal(calls.seekHole(fd, data), far + 4)
  assert.equal(calls.seekData(fd, far + 4), -errno.ENXIO)
})
