import assert from "node:assert/strict"
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { openLinux } from "@skerry/linux"
import { HomeLock } from "./home-lock.ts"

const linux = openLinux()
const uid = process.getuid?.() ?? 0
const take = (directory: string, asUid = uid) => HomeLock.take(directory, asUid, (fd) => linux.tryLock(fd))

function folder(): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), "skerry-home-"))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) }
}

test("the second one hears which process has the lock, until the first lets go", () => {
  using home = folder()
  const runtime = join(home.path, "run")
  const first = take(runtime)
  assert.equal(statSync(runtime).mode & 0o777, 0o700)
  assert.throws(() => take(runtime), {
    code: "already-running",
    message: new RegExp(`as process ${process.pid}: "skerry daemon --stop"`),
  })
  first[Symbol.dispose]()
  take(runtime)[Symbol.dispose]()
})

test("a directory that others can reach, of someone else, or that is none, is refused with what to do", () => {
  using home = folder()
  const open = join(home.path, "open")
  mkdirSync(open)
  chmodSync(open, 0o755)
  assert.throws(() => take(open), { code: "unsafe-directory", message: /its mode is 755.*chmod 700/ })
  chmodSync(open, 0o700)
  assert.throws(() => take(open, uid + 1), { code: "unsafe-directory", message: /belongs to user/ })
  const elsewhere = join(home.path, "link")
  symlinkSync(open, elsewhere)
  assert.throws(() => take(elsewhere), { code: "unsafe-directory", message: /not a directory/ })
})

test("a home that cannot be written is one clear sentence", () => {
  using home = folder()
  const file = join(home.path, "file")
  writeFileSync(file, "")
  assert.throws(() => take(join(file, "run")), { code: "unwritable", message: /ENOTDIR.*SKERRY_HOME/ })
})

test("a lock file that is a link is not followed", () => {
  using home = folder()
  const runtime = join(home.path, "run")
  mkdirSync(runtime, { mode: 0o700 })
  symlinkSync(join(home.path, "victim"), join(runtime, "daemon.lock"))
  assert.throws(() => take(runtime), { code: "unwritable", message: /ELOOP/ })
})
