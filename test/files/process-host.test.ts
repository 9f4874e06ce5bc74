import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import { openCgroups, readCgroupTexts } from "@skerry/isolation"
import { openLinux } from "@skerry/linux"
import { FILES } from "@skerry/rpc"
import type { FileServer } from "../../packages/daemon/src/trees/file-server.ts"
import { openGranted } from "../../packages/daemon/src/trees/open-directory.ts"
import { ProcessHost } from "../../packages/daemon/src/trees/process-host.ts"
import { ServerWatch } from "../../packages/daemon/src/trees/server-watch.ts"

/* Servers that were taken over: a program of the test's own in the place of the sandbox. */
const linux = openLinux()
const folder = mkdtempSync(join(tmpdir(), "skerry-process-host-"))
after(() => rmSync(folder, { recursive: true }))
/** As where a host has none. */
const noCgroups = await openCgroups({ mountinfo: "", selfCgroup: "", uid: 1000, home: folder })

/** `act` has the control connection's socket and `status`, the handler of the first call. */
async function startHostile(
  act: string,
  signal = AbortSignal.timeout(20_000),
  cgroups = noCgroups,
): Promise<FileServer> {
  const program = `
    import { Socket } from "node:net"
    import { Connection, FILES, handler } from ${JSON.stringify(import.meta.resolve("@skerry/rpc"))}
    const socket = new Socket({ fd: 3 })
    setInterval(() => {}, 1000)
    let onStatus = async (context) => undefined
    ${act}
    new Connection(socket, { serve: [handler(FILES.status, (_, context) => onStatus(context))] })`
  const hostile = join(folder, "hostile.mjs")
  const launcher = join(folder, "launcher")
  writeFileSync(hostile, program)
  writeFileSync(launcher, `#!/bin/sh\nexec ${process.execPath} ${hostile}\n`, { mode: 0o700 })
  const host = new ProcessHost({
    ...{ linux, cgroups: async () => cgroups, uid: 1000, path: "/usr/bin:/bin", bwrapPath: () => launcher },
    program: () => ({
      nodePath: process.execPath,
      libraries: [],
      program: { kind: "bundle", entry: "/none", natives: [] },
    }),
    seccomp: () => new Uint8Array(8),
    storeDirectory: join(folder, "store"),
  })
  const paths = { configuration: "/none/c", state: "/none/s", cache: "/none/k", runtime: "/none/r" }
  using opened = openGranted(folder, { paths, home: "/none" })
  const { handle, owner, path } = opened
  return await host.start({ kind: "directory", handle, access: "read", owner, path }, signal)
}

const descriptors = () => readdirSync("/proc/self/fd").length

test("a server that hangs up on the daemon and lives on is one that hangs: its launcher holds the connection", async () => {
  await using server = await startHostile(`
    onStatus = async () => void setTimeout(() => socket.destroy(), 10)`)
  const hung = Promise.withResolvers<string>()
  using _watch = new ServerWatch(server, 50, () => hung.resolve("it hangs"))
  assert.equal(await Promise.race([hung.promise, server.ended, later(5_000)]), "it hangs")
})

test("one that waits in the kernel is seen to wait, and no other", async () => {
  const fifo = join(folder, "fifo")
  execFileSync("mkfifo", [fifo])
  // posix_spawn waits as for a disk until its child runs, whose input is a pipe that nobody writes to yet.
  await using server = await startHostile(`
    import koffi from ${JSON.stringify(import.meta.resolve("koffi"))}
    const libc = koffi.load("libc.so.6")
    const [input, args] = [Buffer.alloc(256), ["true", null]]
    libc.func("int posix_spawn_file_actions_init(void *)")(input)
    libc.func("int posix_spawn_file_actions_addopen(void *, int, str, int, int)")(input, 0, ${JSON.stringify(fifo)}, 0, 0)
    const spawn = libc.func("int posix_spawn(void *, str, void *, void *, str *, str *)")
    onStatus = async () => void setTimeout(() => spawn(Buffer.alloc(4), "/bin/true", input, null, args, [null]), 10)`)
  const until = async (isSo: boolean) => {
    const deadline = AbortSignal.timeout(10_000)
    while ((await server.isWaiting()) !== isSo) deadline.throwIfAborted()
  }
  await until(true)
  writeFileSync(fifo, "")
  await until(false)
})

test("one that breaks the protocol is ended", async () => {
  await using server = await startHostile(`
    onStatus = async () => void setTimeout(() => socket.write("\\xff".repeat(64)), 10)`)
  assert.match(await Promise.race([server.ended, later(5_000)]), /SIGKILL/)
})

test("one whose first answer has no end is given up in time, and leaves nothing", async () => {
  const before = descriptors()
  const endless = `
    onStatus = async (context) => {
      for (;;) if (!context.stdout.write("x".repeat(65536))) await new Promise((go) => context.stdout.once("drain", go))
    }`
  await assert.rejects(startHostile(endless, AbortSignal.timeout(1_500)), /SIGKILL/)
  assert.ok(descriptors() <= before, `${descriptors()} descriptors of ${before}`)
})

test("what one says at its end is kept short, and nothing of it reaches a terminal", async () => {
  await using server = await startHostile(`
    onStatus = async () => void setTimeout(() => {
      process.stderr.write("\\x1b]0;owned\\x07".repeat(100_000), () => process.exit(3))
    }, 10)`)
  const ended = await server.ended
  assert.match(ended, /status 3/)
  assert.ok(ended.length < 5_000, `${ended.length} characters`)
  assert.doesNotMatch(ended, /[\x00-\x09\x0b-\x1f]/)
})

test("one that never answers a call answers when it has been disposed of", async () => {
  const server = await startHostile("")
  const call = server.control.call(FILES.drop, { client: 1 })
  await server[Symbol.asyncDispose]()
  await assert.rejects(call.result)
})

test("one that takes more memory than it may is ended, and that is said", async (t) => {
  const home = join(folder, "bounded")
  await using cgroups = await openCgroups({
    ...(await readCgroupTexts()),
    uid: process.getuid?.() ?? 0,
    home,
  })
  if (!cgroups.controls.memory) return t.skip("no cgroups here")
  const greedy = `
    onStatus = async () => void setTimeout(() => { globalThis.taken = Buffer.alloc(1200 * 2 ** 20, 1) }, 10)`
  await using server = await startHostile(greedy, undefined, cgroups)
  assert.match(await server.ended, /; it took more than its 1024 MiB of memory$/)
})

const later = (ms: number) =>
  new Promise<string>((resolve) => setTimeout(() => resolve("it is still there"), ms).unref())
