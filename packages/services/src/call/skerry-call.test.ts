import assert from "node:assert/strict"
import { type ChildProcess, spawn } from "node:child_process"
import { mkdirSync, symlinkSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { buffer, text } from "node:stream/consumers"
import { test } from "node:test"
import {
  type CallContext,
  type CallDown,
  CallFailure,
  type CallParams,
  type CallUp,
  Connection,
  call,
  handler,
} from "@skerry/rpc"

type Context = CallContext<CallUp, CallDown>

/** The domain's agent, as far as skerry-call sees it; what was called is kept in `calls`. */
async function openDomain() {
  const root = await mkdtemp(join(tmpdir(), "skerry-call-"))
  mkdirSync(join(root, "run/skerry"), { recursive: true })
  const main = join(import.meta.dirname, "../runtime/main.ts")
  for (const name of ["skerry-call", "qrexec-client-vm", "nothing"]) symlinkSync(main, join(root, name))
  const calls: CallParams[] = []
  const cancelled = { count: 0 }
  const serve = async (params: CallParams, context: Context) => {
    calls.push(params)
    context.signal.addEventListener("abort", () => void cancelled.count++)
    return { exitCode: await answer(params, context) }
  }
  const server = createServer((socket) => void new Connection(socket, { serve: [handler(call, serve)] }))
  server.listen(join(root, "run/skerry/call.sock"))
  const children: ChildProcess[] = []
  return {
    root,
    calls,
    cancelled,
    start(name: string, argv: readonly string[], environment: Record<string, string> = {}) {
      const { PATH, NODE_COMPILE_CACHE } = process.env
      const env = { PATH, NODE_COMPILE_CACHE, SKERRY_ROOT: root, ...environment }
      const child = spawn(process.execPath, [join(root, name), ...argv], { env, stdio: "pipe" })
      children.push(child)
      return child
    },
    async [Symbol.asyncDispose]() {
      for (const each of children) each.kill("SIGKILL")
      server.close()
      await rm(root, { recursive: true })
    },
  }
}
type Domain = Awaited<ReturnType<typeof openDomain>>

async function answer(
  { service, argument }: CallParams,
  { stdin, stdout, stderr, send, signal }: Context,
): Promise<number> {
  switch (service) {
    case "echo":
      send({ kind: "started" })
      for await (const chunk of stdin) {
        if (!stdout.write(chunk)) await new Promise((resolve) => stdout.once("drain", resolve))
      }
      return 3
    case "colours":
      stdout.write("a\x1b[31mb\tü\n")
      stderr.write("\x1b]0;title\x07\n")
      return 0
    case "endless":
      send({ kind: "started" })
      while (!signal.aborted) {
        await new Promise((resolve) => stdout.write("x".repeat(1000), resolve))
        await new Promise((resolve) => setImmediate(resolve))
      }
      return 0
    case "status":
      return Number(argument)
    default:
      throw new CallFailure(service, "No rule\x1b[2J allows it")
  }
}

async function run(
  domain: Domain,
  argv: readonly string[],
  input: string | Uint8Array = "",
  name = "skerry-call",
) {
  const child = domain.start(name, argv)
  child.stdin.on("error", () => {})
  child.stdin.end(input)
  const status = new Promise<number | null>((resolve) => child.once("close", resolve))
  const [stdout, stderr] = await Promise.all([buffer(child.stdout), text(child.stderr)])
  return { stdout, stderr, status: await status }
}

test("input, output and status are the service's", async () => {
  await using domain = await openDomain()
  const bytes = Buffer.alloc(
    3_000_000,
    Uint8Array.from({ length: 251 }, (_, index) => index),
  )
  const { stdout, stderr, status } = await run(domain, ["vault", "echo+a+b"], bytes)
  assert.ok(stdout.equals(bytes))
  assert.deepEqual([stderr, status], ["", 3])
  assert.deepEqual(domain.calls, [
    {
      target: "vault",
      service: "echo",
      argument: "a+b",
      deadlineMs: 0,
      parent: "",
      progress: false,
      pipes: false,
    },
  ])
})

test("a call of a service names the call that the service is of", async () => {
  await using domain = await openDomain()
  const child = domain.start("skerry-call", ["$dispvm", "status+0"], { SKERRY_CALL_ID: "c-17" })
  await new Promise((resolve) => child.once("close", resolve))
  const [{ target, parent } = { target: "", parent: "" }] = domain.calls
  assert.deepEqual([target, parent], ["@dispvm", "c-17"])
})

test("what went wrong is told by the status, and in plain text", async () => {
  await using domain = await openDomain()
  const refused = await run(domain, ["vault", "refused"], "unread")
  assert.deepEqual([refused.status, refused.stderr], [126, "No rule_[2J allows it\n"])
  assert.equal((await run(domain, ["vault", "too-many-calls"])).status, 125)
  assert.equal((await run(domain, ["vault", "status+127"])).status, 127)
  assert.equal((await run(domain, ["vault"])).status, 2)
  assert.equal((await run(domain, ["--wrong", "vault", "echo"])).status, 2)
  assert.equal((await run(domain, [], "", "nothing")).status, 127)
  await rm(join(domain.root, "run"), { recursive: true })
  const lost = await run(domain, ["vault", "echo"])
  assert.equal(lost.status, 1)
  assert.match(lost.stderr, /agent does not answer/)
})

test("the options of the reference are taken, and control characters kept from a terminal", async () => {
  await using domain = await openDomain()
  const plain = await run(domain, ["vault", "colours"], "", "qrexec-client-vm")
  assert.deepEqual([plain.stdout.toString(), plain.stderr], ["a\x1b[31mb\tü\n", "\x1b]0;title\x07\n"])
  const filters = ["-t", "--filter-escape-chars-stderr", "--buffer-size=1000", "--buffer-size", "2000"]
  const filtered = await run(domain, [...filters, "--", "vault", "colours"], "", "qrexec-client-vm")
  assert.deepEqual([filtered.stdout.toString(), filtered.stderr], ["a_[31mb\t__\n", "_]0;title_\n"])
})

test("a program's streams are the call's, its status is the answer, and its own streams it keeps", async () => {
  await using domain = await openDomain()
  const script =
    'echo "$0 $1" >&$SAVED_FD_1; echo question; read answer; echo "got $answer" >&$SAVED_FD_1; exit 9'
  const { stdout, status } = await run(domain, ["vault", "echo", "sh", "-c", script, "name", "argument"])
  assert.deepEqual([stdout.toString(), status], ["name argument\ngot question\n", 9])
  const killed = await run(domain, ["vault", "echo", "sh", "-c", "kill -TERM $$"])
  assert.equal(killed.status, 143)
  const quiet = await run(domain, ["vault", "echo", "/no/such/program"])
  assert.equal(quiet.status, 127)
})

test("a program is not started for a call that is refused", async () => {
  await using domain = await openDomain()
  const { stdout, status } = await run(domain, ["vault", "refused", "sh", "-c", "echo ran >&$SAVED_FD_1"])
  assert.deepEqual([stdout.toString(), status], ["", 126])
})

test("a reader that goes away ends the call", async () => {
  await using domain = await openDomain()
  const child = domain.start("skerry-call", ["vault", "endless"])
  const closed = new Promise((resolve) => child.once("close", resolve))
  await new Promise((resolve) => child.stdout.once("data", resolve))
  child.stdout.destroy()
  assert.equal(await closed, 141)
  assert.equal(domain.cancelled.count, 1)
})
