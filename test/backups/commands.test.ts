import assert from "node:assert/strict"
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { PassThrough, Readable } from "node:stream"
import { test } from "node:test"
import type { CommandContext, InputStream } from "../../packages/cli/src/command.ts"
import { runCommandLine } from "../../packages/cli/src/testing.ts"

/* The whole way of a command line, without state: for that, a daemon is needed (test/). */

class Machine implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), "skerry-backup-cli-"))
  readonly dest = join(this.folder, "dest")
  readonly key = join(this.folder, "key")

  constructor() {
    writeFileSync(this.key, "correct horse\n")
    this.write("one/config/skerry.json", JSON.stringify({ applications: {}, instances: {} }))
    this.write("one/config/policy.d/30-mine.policy", "# mine\n")
    mkdirSync(join(this.folder, "one/state"))
  }

  write(path: string, content: string): void {
    mkdirSync(dirname(join(this.folder, path)), { recursive: true })
    writeFileSync(join(this.folder, path), content)
  }

  run(home: string, words: readonly string[], over: Partial<CommandContext> = {}) {
    const under = (name: string) => join(this.folder, home, name)
    const paths = {
      configuration: under("config"),
      state: under("state"),
      cache: under("cache"),
      runtime: under("run"),
    }
    return runCommandLine([...words, "--passphrase-file", this.key], { paths, cwd: this.folder, ...over })
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}

test("backup, list, verify, and restore elsewhere", async () => {
  using machine = new Machine()
  const made = await machine.run("one", ["backup", "--no-state", "-q", "dest"])
  assert.match(made.stdout, /^Backup 1: configuration and no state; .* written\n$/)
  assert.match(made.stderr, /A backup is begun\. .*\nThe configuration was never built/s)
  const list = await machine.run("one", ["backup", "list", "dest"])
  assert.match(list.stdout, /^BACKUP .*\n +1 .*sha256:[0-9a-f]{12} +none\n$/)
  const verified = await machine.run("one", ["backup", "verify", "-q", "dest"])
  assert.deepEqual(
    [verified.status, verified.stdout],
    [
      0,
      "1 backups, 0 objects, 493 B: all good\n".replace(
        "493 B",
        /, (\d+ B):/.exec(verified.stdout)?.[1] ?? "",
      ),
    ],
  )
  const shown = await machine.run("two", ["restore", "--dry-run", "dest"])
  assert.match(
    shown.stdout,
    /Files of the configuration:\n {2}policy.d\n {2}policy.d\/30-mine.policy\n {2}skerry.json\n/,
  )
  assert.match(shown.stdout, /Nothing was built here yet, so all of it is new/)
  const restored = await machine.run("two", ["restore", "--no-build", "-q", "dest"])
  assert.deepEqual([restored.status, restored.stderr], [0, ""])
  for (const path of ["config/skerry.json", "config/policy.d/30-mine.policy"]) {
    const read = (home: string) => readFileSync(join(machine.folder, home, path), "utf8")
    assert.equal(read("two"), read("one"))
  }
  const again = await machine.run("two", ["restore", "--no-build", "-q", "dest"])
  assert.match(again.stderr, /has a configuration already/)
})

test("a stream holds the same, and a stream cut anywhere restores nothing", async () => {
  using machine = new Machine()
  const chunks: Buffer[] = []
  const stdout = new PassThrough().on("data", (chunk: Buffer) => chunks.push(chunk))
  const made = await machine.run("one", ["backup", "--no-state", "-q", "-"], { stdout })
  assert.equal(made.status, 0, made.stderr)
  const stream = Buffer.concat(chunks)
  const feed = (bytes: Buffer, size: number): InputStream => {
    const pieces: Buffer[] = []
    for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size))
    return Readable.from(pieces)
  }
  for (let end = 0; end <= stream.length - 1024; end += 1900) {
    const cut = await machine.run("cut", ["restore", "--no-build", "-q", "-"], {
      stdin: feed(stream.subarray(0, end), 512),
    })
    assert.equal(cut.status, 1)
    assert.match(cut.stderr, /its end is missing/)
  }
  const verified = await machine.run("two", ["backup", "verify", "-q", "-"], { stdin: feed(stream, 97) })
  assert.equal(verified.status, 0, verified.stdout + verified.stderr)
  const restored = await machine.run("two", ["restore", "--no-build", "-q", "-"], {
    stdin: feed(stream, 10_000),
  })
  assert.equal(restored.status, 0, restored.stderr)
  assert.equal(readFileSync(join(machine.folder, "two/config/policy.d/30-mine.policy"), "utf8"), "# mine\n")
})

test("prune keeps by the rule, and asks before it removes", async () => {
  using machine = new Machine()
  for (let at = 0; at < 3; at++) await machine.run("one", ["backup", "--no-state", "-q", "dest"])
  const refused = await machine.run("one", ["backup", "prune", "dest", "--keep-last", "1"])
  assert.match(refused.stderr, /no terminal to ask on/)
  const dry = await machine.run("one", ["backup", "prune", "dest", "--keep-last", "1", "-n", "--json"])
  assert.deepEqual(JSON.parse(dry.stdout), { removed: [], wouldRemove: [1, 2], freedBytes: 0 })
  const done = await machine.run("one", ["backup", "prune", "dest", "--keep-last", "1", "-y", "-q", "--json"])
  assert.deepEqual((JSON.parse(done.stdout) as { removed: number[] }).removed, [1, 2])
  const none = await machine.run("one", ["backup", "prune", "dest", "--keep-last", "0", "-y"])
  assert.match(none.stderr, /keeps no backup at all/)
  const next = await machine.run("one", ["backup", "--no-state", "-q", "dest"])
  assert.match(next.stdout, /^Backup 4:/)
})

test("a folder that was put back to an earlier time is told, and not continued unasked", async () => {
  using machine = new Machine()
  await machine.run("one", ["backup", "--no-state", "-q", "dest"])
  cpSync(machine.dest, join(machine.folder, "old"), { recursive: true })
  await machine.run("one", ["backup", "--no-state", "-q", "dest"])
  rmSync(machine.dest, { recursive: true })
  renameSync(join(machine.folder, "old"), machine.dest)
  const verified = await machine.run("one", ["backup", "verify", "-q", "dest"])
  assert.equal(verified.status, 1)
  assert.match(verified.stdout, /older point in time: it had backup 2/)
  const refused = await machine.run("one", ["backup", "--no-state", "-q", "dest"])
  assert.match(refused.stderr, /older point in time.*--accept-older/)
  const accepted = await machine.run("one", ["backup", "--no-state", "-q", "--accept-older", "dest"])
  assert.match(accepted.stdout, /^Backup 2:/)
  assert.equal((await machine.run("one", ["backup", "verify", "-q", "dest"])).status, 0)
})

test("a folder whose backup is gone is not begun anew unasked", async () => {
  using machine = new Machine()
  await machine.run("one", ["backup", "--no-state", "-q", "dest"])
  rmSync(machine.dest, { recursive: true })
  const refused = await machine.run("one", ["backup", "--no-state", "-q", "dest"])
  assert.match(refused.stderr, /held another backup .* not there any more.*--accept-older/)
  assert.deepEqual(readdirSync(machine.dest), ["lock"])
  assert.equal((await machine.run("one", ["backup", "--no-state", "-q", "--accept-older", "dest"])).status, 0)
})

test("what makes no sense is said before anything is done", async () => {
  using machine = new Machine()
  const says = async (words: readonly string[], text: RegExp) =>
    assert.match((await machine.run("one", words)).stderr, text)
  await says(["backup", "list"], /DEST is missing/)
  await says(["backup", "lsit", "dest"], /is no action: use list, verify, prune/)
  await says(["backup", "--no-state", "--tree", "mail", "dest"], /--no-state goes with neither/)
  await says(["backup", "verify", "nowhere"], /there is no such folder/)
  await says(["backup", "prune", "dest"], /Say what to keep/)
  await says(["restore", "--from", "x", "dest"], /no backup's number/)
  mkdirSync(machine.dest)
  await says(["restore", "dest"], /holds no backup/)
})
