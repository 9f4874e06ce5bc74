import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import { randomBytes } from "node:crypto"
import { once } from "node:events"
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import { CommandLine, repository } from "./support/command-line.ts"

/* Backups of a real state store, through the daemon, by the command line. */

const folder = mkdtempSync(join(tmpdir(), "skerry-backups-"))
const key = join(folder, "key")
writeFileSync(key, "correct horse\n")
const home = homeIn("one")
const homes = [home]
after(async () => {
  for (const each of homes) await each.end()
  rmSync(folder, { recursive: true, force: true })
})

function homeIn(name: string): CommandLine {
  const home = new CommandLine(join(folder, name), [
    process.execPath,
    join(repository, "packages/cli/src/main.ts"),
  ])
  mkdirSync(home.folder)
  return home
}

async function run(at: CommandLine, ...words: string[]): Promise<string> {
  const { status, stdout, stderr } = await at.run(words)
  assert.equal(status, 0, `${words.join(" ")}: ${stderr}`)
  return stdout
}

const backUp = (...words: string[]) => ["backup", "-q", "--passphrase-file", key, ...words]
const unlock = (at: CommandLine) => run(at, "state", "unlock", "--passphrase-file", key)
const digests = async (at: CommandLine, tree: string) =>
  (await run(at, "state", "log", tree)).split("\n").map((line) => / [0-9a-f]{12}\b/.exec(line)?.[0])

async function fill(): Promise<void> {
  mkdirSync(join(home.folder, "config"))
  writeFileSync(join(home.folder, "config/skerry.json"), JSON.stringify({ applications: {}, instances: {} }))
  const data = join(folder, "data")
  mkdirSync(join(data, "deep/er"), { recursive: true })
  writeFileSync(join(data, "big"), randomBytes(3_000_000))
  writeFileSync(
    join(data, "sparse"),
    Buffer.concat([Buffer.alloc(1_000_000), randomBytes(10), Buffer.alloc(500_000)]),
  )
  symlinkSync("../nowhere", join(data, "deep/link"))
  for (let at = 0; at < 300; at++) writeFileSync(join(data, "deep/er", `file ${at}`), randomBytes(at * 10))
  await unlock(home)
  await run(home, "import", "-q", data, "mail")
  writeFileSync(join(data, "big"), randomBytes(1000))
  await run(home, "import", "-q", "--merge", data, "mail")
  await run(home, "import", "-q", data, "work")
}

test("state and configuration come back in another home with equal digests", async () => {
  await fill()
  const dest = join(folder, "dest")
  await run(home, ...backUp(dest))
  const again = await run(home, ...backUp(dest))
  assert.match(again, /^Backup 2: configuration and 2 trees with 3 versions; [0-9.]+ k?B written/)
  assert.match(await run(home, ...backUp("verify", dest)), /: all good$/m)
  const other = homeIn("two")
  homes.push(other)
  const restore = ["restore", "-q", "--no-build", "--passphrase-file", key, dest]
  const locked = await other.run(restore)
  assert.match(locked.stderr, /make one with "skerry state unlock"/)
  await unlock(other)
  await run(other, ...restore)
  for (const tree of ["mail", "work"]) assert.deepEqual(await digests(other, tree), await digests(home, tree))
  assert.deepEqual(readdirSync(join(other.folder, "config")), ["skerry.json"])
  await run(other, "state", "verify")
  await run(other, "export", "-q", "work", join(folder, "out"))
  execFileSync("diff", ["-r", "--no-dereference", join(folder, "data"), join(folder, "out")])
})

test("without Skerry the same files come out", () => {
  const script = join(repository, "share/backup/open-backup.sh")
  execFileSync("sh", [script, join(folder, "dest"), join(folder, "rescued"), key])
  execFileSync("diff", ["-r", "--no-dereference", join(folder, "data"), join(folder, "rescued/state/work")])
})

test("a backup and a restore that are killed at any moment go on", async () => {
  const dest = join(folder, "killed")
  for (let delayMs = 600; delayMs < 2200; delayMs += 200) {
    const child = home.spawn(...backUp(dest))
    const ended = once(child, "close")
    const timer = setTimeout(() => child.kill("SIGKILL"), delayMs)
    await ended
    clearTimeout(timer)
  }
  await run(home, ...backUp(dest))
  assert.match(await run(home, ...backUp("verify", dest)), /: all good$/m)
  const other = homeIn("three")
  homes.push(other)
  await unlock(other)
  const restore = ["restore", "-q", "--no-build", "--passphrase-file", key, dest]
  for (let delayMs = 600; delayMs < 1800; delayMs += 200) {
    const child = other.spawn(...restore)
    const ended = once(child, "close")
    const timer = setTimeout(() => child.kill("SIGKILL"), delayMs)
    await ended
    clearTimeout(timer)
  }
  const { status, stderr } = await other.run(restore)
  // One of those above may have come to its end.
  if (status !== 0) assert.match(stderr, /has a configuration already/)
  for (const tree of ["mail", "work"]) assert.deepEqual(await digests(other, tree), await digests(home, tree))
})

test("a full disk is told, and the backup goes on when there is room", async (t) => {
  if (process.getuid?.() !== 0) return t.skip("only root can mount a small disk")
  const disk = join(folder, "disk")
  mkdirSync(disk)
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", disk])
  try {
    const { status, stderr } = await home.run(backUp(join(disk, "dest")))
    assert.equal(status, 1)
    assert.match(stderr, /the disk is full.*run the same command again/)
    assert.match(
      await run(home, "backup", "list", "--passphrase-file", key, join(disk, "dest")),
      /No backup was finished/,
    )
    execFileSync("mount", ["-o", "remount,size=64m", disk])
    await run(home, ...backUp(join(disk, "dest")))
    assert.match(await run(home, ...backUp("verify", join(disk, "dest"))), /: all good$/m)
  } finally {
    execFileSync("umount", [disk])
  }
})
