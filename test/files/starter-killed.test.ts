import assert from "node:assert/strict"
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { once } from "node:events"
import {
  chownSync,
  closeSync,
  constants,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import { processesOf, untilGone } from "../support/host-processes.ts"

/*
 * Whoever starts a file server is killed while bwrap makes its sandbox: after its fork, and before it tells its child to go on. bwrap alone
 * would leave that child, which waits for ever.
 */
const isRoot = process.getuid?.() === 0
const folder = mkdtempSync(join(tmpdir(), "skerry-starter-"))
after(() => rmSync(folder, { recursive: true }))
const served = join(folder, "served")
mkdirSync(served)

/** bwrap, held at that moment: what it says of itself is written then, into a pipe that is full. */
const held = join(folder, "held-bwrap")
const full = join(folder, "full")
writeFileSync(held, `#!/bin/sh\nexec bwrap --info-fd 9 --setenv TRIAL ${folder} "$@" 9> ${full}\n`, {
  mode: 0o755,
})
execFileSync("mkfifo", ["-m", "666", full])
const pipe = openSync(full, constants.O_RDWR | constants.O_NONBLOCK)
after(() => closeSync(pipe))
assert.throws(() => {
  for (;;) writeSync(pipe, Buffer.alloc(4096))
}, /EAGAIN/)

const PROGRAM = `
  import { findFilesServer } from ${entry("@skerry/files/find-program")}
  import { openCgroups, processFilter } from ${entry("@skerry/isolation")}
  import { openLinux } from ${entry("@skerry/linux")}
  import { openGranted } from ${source("open-directory.ts")}
  import { ProcessHost } from ${source("process-host.ts")}
  const [uid, bwrapPath, served] = process.argv.slice(1)
  // As where a host has none: nothing but its own chain of processes ends a server then.
  const cgroups = await openCgroups({ mountinfo: "", selfCgroup: "", uid: 1, home: served })
  const host = new ProcessHost({
    linux: openLinux(), cgroups: async () => cgroups, uid: Number(uid), path: process.env.PATH, bwrapPath: () => bwrapPath, program: findFilesServer,
    seccomp: () => processFilter(process.arch === "x64" ? "x86_64" : "aarch64"), storeDirectory: served,
  })
  const paths = { configuration: "/none/c", state: "/none/s", cache: "/none/k", runtime: "/none/r" }
  const { handle, owner, path } = openGranted(served, { paths, home: "/none" })
  const signal = AbortSignal.timeout(60_000)
  await host.start({ kind: "directory", handle, access: "read", owner, path }, signal)
  process.stdout.write("served")
  setInterval(() => {}, 1000)`

function entry(specifier: string): string {
  return JSON.stringify(import.meta.resolve(specifier))
}

function source(name: string): string {
  return JSON.stringify(new URL(`../../packages/daemon/src/trees/${name}`, import.meta.url).href)
}

/** A starter that is root and one that is not; root's server runs under the account of the directory's owner. */
const ACCOUNT = 64_998
const starters: readonly { readonly name: string; readonly as: readonly string[]; readonly uid: number }[] =
  isRoot
    ? [
        { name: "root", as: [], uid: 0 },
        {
          name: "an ordinary user",
          as: ["setpriv", `--reuid=${ACCOUNT}`, `--regid=${ACCOUNT}`, "--clear-groups"],
          uid: ACCOUNT,
        },
      ]
    : [{ name: "an ordinary user", as: [], uid: process.getuid?.() ?? 0 }]
if (isRoot) for (const path of [folder, served]) chownSync(path, ACCOUNT, ACCOUNT)

function start(starter: (typeof starters)[number], bwrapPath: string): ChildProcess {
  const node = [
    process.execPath,
    "--input-type=module",
    "-e",
    PROGRAM,
    String(starter.uid),
    bwrapPath,
    served,
  ]
  const [file = "", ...args] = [...starter.as, ...node]
  return spawn(file, args, { stdio: ["ignore", "pipe", "inherit"] })
}

/** The command lines, of all processes, that name this test's folder: its starters', and those of what they have started. */
const involved = (): string[] =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((name) => commandOf(Number(name)))
    .filter((command) => command.includes(folder))

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8")
  } catch {
    return "" // It has ended meanwhile.
  }
}

for (const starter of starters) {
  test(`nothing is left when ${starter.name} is killed while bwrap has forked and says nothing yet`, async () => {
    const child = start(starter, held)
    const pid = child.pid ?? 0
    await eventually(() => processesOf(pid).some(hasForked))
    const started = processesOf(pid)
    child.kill("SIGKILL")
    await Promise.all(started.map(untilGone))
    assert.deepEqual(involved(), [])
  })

  test(`nothing is left when ${starter.name} is killed while its server runs`, async () => {
    const child = start(starter, "bwrap")
    await once(child.stdout ?? child, "data")
    const started = processesOf(child.pid ?? 0)
    assert.match(started.map(commandOf).join(), /\/skerry\/node/)
    child.kill("SIGKILL")
    await Promise.all(started.map(untilGone))
    assert.deepEqual(involved(), [])
  })
}

/** A bwrap that has a child. */
const hasForked = (pid: number): boolean =>
  commandOf(pid).startsWith("bwrap\0--info-fd") && processesOf(pid).length > 1

async function eventually(isSo: () => boolean): Promise<void> {
  const deadline = AbortSignal.timeout(20_000)
  while (!isSo()) {
    deadline.throwIfAborted()
    await new Promise((resolve) => setImmediate(resolve))
  }
}
