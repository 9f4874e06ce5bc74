import assert from "node:assert/strict"
import type { ChildProcess } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { test } from "node:test"
import { CommandLine, ended, repository, said } from "./support/command-line.ts"

/*
 * The daemon and the command line as processes. Domains are functions in the daemon here, so that this needs
 * neither root nor an image; the same on real domains is in the tests of each backend.
 */
const fakeDaemon = join(repository, "packages/daemon/src/testing/fake-daemon.ts")
const skerry = join(repository, "packages/cli/src/main.ts")

class Home extends CommandLine implements AsyncDisposable {
  constructor() {
    super(mkdtempSync(join(tmpdir(), "skerry-process-")), [process.execPath, skerry])
  }

  /** Resolves when it serves. */
  async daemon(...words: string[]): Promise<ChildProcess> {
    const child = this.start([process.execPath, fakeDaemon, ...words])
    assert.equal(await said(child, /\n/), "ready\n")
    return child
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.remove()
  }
}

test("binary input and output pass unchanged, and the status is the command's", async () => {
  await using home = new Home()
  await home.daemon()
  const bytes = Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => (i * 7919) % 256))
  const child = home.spawn("run", "-d", "mail", "--", "cat")
  child.stdin?.end(bytes)
  const pieces: Buffer[] = []
  child.stdout?.on("data", (piece) => pieces.push(piece))
  await once(child, "close")
  assert.ok(Buffer.concat(pieces).equals(bytes))
  assert.equal((await home.run(["run", "-d", "mail", "--", "exit", "42"])).status, 42)
  const both = await home.run(["run", "-d", "mail", "--", "both"])
  assert.deepEqual(both, { status: 0, stdout: "to stdout", stderr: "to stderr" })
})

test("126, 127 and 125 mean what they mean to a shell, each with a sentence", async () => {
  await using home = new Home()
  await home.daemon()
  const missing = await home.run(["run", "-d", "mail", "--", "nonesuch"])
  assert.equal(missing.status, 127)
  assert.match(missing.stderr, /^skerry: Cannot run "nonesuch" in "mail-\w+"/)
  const unknown = await home.run(["run", "mial"])
  assert.equal(unknown.status, 125)
  assert.match(unknown.stderr, /has no instance "mial": its instances are mail, bank, light/)
})

test("signals reach the command, and how it ended comes back", async () => {
  await using home = new Home()
  await home.daemon()
  for (const [signal, status] of [
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const) {
    const child = home.spawn("run", "-d", "mail", "--", "announce-and-sleep")
    assert.ok(child.stdout)
    const end = ended(child)
    await once(child.stdout, "data")
    child.kill(signal)
    assert.equal((await end).status, status)
  }
})

test("a reader that goes away ends the command quietly", async () => {
  await using home = new Home()
  await home.daemon()
  const child = home.spawn("run", "-d", "mail", "--", "yes")
  assert.ok(child.stdout && child.stderr)
  await once(child.stdout, "data")
  child.stdout.destroy()
  const [stderr] = await Promise.all([text(child.stderr), once(child, "exit")])
  assert.deepEqual([child.exitCode, stderr], [141, ""])
})

test("pipes are handed over where the domain takes them: all bytes arrive, the end too, and errors apart", async () => {
  await using home = new Home()
  await home.daemon()
  // A shell's pipes are pipes; those of Node's spawn are sockets, which are not handed over.
  const pipeline = (command: string) => home.shell(`head -c 20000000 /dev/zero | ${command} | wc -c`)
  assert.deepEqual(await pipeline(`$SKERRY run -d light -- cat`), {
    status: 0,
    stdout: "20000000\n",
    stderr: "",
  })
  const script = `'cat; echo trouble >&2; exit 5'`
  const { stdout, stderr } = await pipeline(`{ $SKERRY run -d light -- sh -c ${script}; echo $? >&2; }`)
  assert.deepEqual([stdout, stderr], ["20000000\n", "trouble\n5\n"])
})

test("two daemons at once: the second says who is there and leaves", async () => {
  await using home = new Home()
  const first = await home.daemon()
  const { status, stderr } = await ended(home.start([process.execPath, fakeDaemon]))
  assert.equal(status, 1)
  assert.match(stderr, new RegExp(`as process ${first.pid}`))
  assert.equal((await home.run(["run", "-d", "mail", "--", "exit", "3"])).status, 3)
})

test("after kill -9 the next daemon takes over what is left, and clients in between are told", async () => {
  await using home = new Home()
  const first = await home.daemon()
  const child = home.spawn("run", "-d", "mail", "--", "announce-and-sleep")
  assert.ok(child.stdout)
  const end = ended(child)
  await once(child.stdout, "data")
  first.kill("SIGKILL")
  const { status, stderr } = await end
  assert.equal(status, 125)
  assert.match(stderr, /The daemon ended under the command/)
  assert.ok(readdirSync(home.runtime).includes("skerryd.sock"))
  await home.daemon()
  assert.equal((await home.run(["run", "-d", "mail", "--", "true"])).status, 0)
  assert.deepEqual(JSON.parse((await home.run(["ps", "--json"])).stdout), [])
})

test("what was granted while it ran is over after kill -9, and is not given to the domains of the next one", async () => {
  await using home = new Home()
  const granted = mkdtempSync(join(tmpdir(), "skerry-granted-"))
  try {
    const first = await home.daemon()
    for (const instance of ["mail", "bank"]) {
      assert.equal((await home.run(["grant", instance, granted, "--write"])).status, 0)
    }
    assert.equal((await home.run(["run", "mail", "--", "true"])).status, 0)
    const rows = JSON.parse((await home.run(["grants", "--json"])).stdout) as { domain?: string }[]
    assert.deepEqual(
      rows.map(({ domain }) => domain),
      ["mail", undefined],
    )
    first.kill("SIGKILL")
    await once(first, "exit")
    await home.daemon()
    for (const instance of ["mail", "bank"]) {
      assert.equal((await home.run(["run", instance, "--", "true"])).status, 0)
    }
    assert.deepEqual(JSON.parse((await home.run(["grants", "--json"])).stdout), [])
    // Its place is free, as it would not be if anything were mounted there.
    assert.match((await home.run(["grant", "mail", granted])).stdout, /skerry revoke d1\n$/)
  } finally {
    rmSync(granted, { recursive: true })
  }
})

test("SIGTERM ends the daemon in order: no socket is left", async () => {
  await using home = new Home()
  const daemon = await home.daemon()
  await home.run(["run", "mail", "--", "true"])
  daemon.kill("SIGTERM")
  await once(daemon, "exit")
  assert.equal(daemon.exitCode, 0)
  assert.deepEqual(readdirSync(home.runtime), ["daemon.lock"])
})

test("a daemon with nothing to do ends by itself", async () => {
  await using home = new Home()
  const daemon = await home.daemon("0.05")
  await once(daemon, "exit")
  assert.equal(daemon.exitCode, 0)
})

test("of many clients that find no daemon one starts it, and all are served", async () => {
  await using home = new Home()
  const answers = await Promise.all(
    Array.from({ length: 12 }, () => home.run(["run", "-d", "mail", "--", "true"])),
  )
  for (const { status, stderr } of answers) {
    assert.equal(status, 125)
    assert.match(stderr, /Nothing has been built yet: run "skerry build" first/)
  }
  const log = readFileSync(join(home.runtime, "skerryd.log"), "utf8")
  assert.equal(log.match(/ serves /g)?.length, 1, log)
})

test("a home that cannot be written is one clear sentence", async () => {
  await using home = new Home()
  const folder = join(home.runtime, "..")
  writeFileSync(home.runtime, "in the way")
  const { status, stderr } = await home.run(["run", "-d", "mail", "--", "true"])
  rmSync(home.runtime)
  assert.equal(status, 125)
  assert.ok(stderr.includes(folder) && stderr.split("\n").length === 2, stderr)
})

test("in the foreground the command becomes the daemon, so that a supervisor has the daemon itself", async () => {
  await using home = new Home()
  const child = home.spawn("daemon")
  const end = ended(child)
  const serves = async () => (await home.run(["daemon", "--status", "--json"])).stdout !== "null\n"
  for (const deadline = Date.now() + 30_000; !(await serves()); ) assert.ok(Date.now() < deadline)
  assert.equal(readFileSync(join(home.runtime, "daemon.lock"), "utf8"), `${child.pid}\n`)
  child.kill("SIGTERM")
  const { status, stderr } = await end
  assert.equal(status, 0)
  assert.match(stderr, / SIGTERM: ending\n(?:.*\n)*.* ended\n$/)
})
