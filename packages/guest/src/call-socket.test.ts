import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import { existsSync, readdirSync, statSync } from "node:fs"
import { createConnection } from "node:net"
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
  ping,
  RPC_LIMITS,
  setClock,
} from "@skerry/rpc"
import { AGENT } from "./limits.ts"
import { openTestAgent, type TestAgent } from "./test-agent.ts"

const params = (service: string): CallParams => ({
  target: "vault",
  service,
  argument: "",
  deadlineMs: 0,
  parent: "",
  progress: true,
  pipes: false,
})

type Context = CallContext<CallUp, CallDown>

/** The daemon's side: answers as the service's name says. */
async function answer({ service }: CallParams, { stdin, stdout, stderr, send, signal }: Context) {
  switch (service) {
    case "echo":
      send({ kind: "started" })
      for await (const chunk of stdin) {
        if (!stdout.write(chunk)) await new Promise((resolve) => stdout.once("drain", resolve))
      }
      stderr.write("done")
      return { exitCode: 3 }
    case "wait":
      send({ kind: "asking" })
      return await new Promise<never>((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true })
      })
    default:
      throw new CallFailure("refused", "No rule allows it")
  }
}

/** An agent that has been started, its daemon's end scripted. */
async function open(over?: { count: number }) {
  const counting = async (params: CallParams, context: Context) => {
    if (over !== undefined) context.signal.addEventListener("abort", () => void over.count++, { once: true })
    return await answer(params, context)
  }
  const agent = openTestAgent({ serve: [handler(call, counting)] })
  await agent.caller.call(ping, { version: 0 }).result
  return agent
}

const program = (agent: TestAgent) => new Connection(createConnection(agent.callSocket))

async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 20_000
  while (!holds()) {
    assert.ok(performance.now() < deadline, "in time")
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

test("a program's call reaches the host, with its streams, its events and its answer", async () => {
  await using agent = await open()
  assert.equal(statSync(agent.callSocket).mode & 0o777, 0o666)
  const events: string[] = []
  const caller = program(agent)
  const one = caller.call(call, params("echo"), { onEvent: ({ kind }) => events.push(kind) })
  one.stdin.end(Buffer.alloc(3_000_000, "x"))
  const [out, err] = await Promise.all([buffer(one.stdout), text(one.stderr)])
  assert.deepEqual([out.length, err, await one.result], [3_000_000, "done", { exitCode: 3 }])
  assert.deepEqual(events, ["started"])
  const refused = caller.call(call, params("other")).result
  await assert.rejects(refused, { code: "refused", message: "No rule allows it" })
  caller.close()
})

test("a program that ends cancels its calls at the host", async () => {
  const over = { count: 0 }
  await using agent = await open(over)
  const caller = program(agent)
  const events: string[] = []
  for (let each = 0; each < 50; each++) {
    caller.call(call, params("wait"), { onEvent: ({ kind }) => events.push(kind) })
  }
  await until(() => events.length === 50)
  caller.close()
  await until(() => over.count === 50)
})

test("all calls of programs fail when the host has gone, and the domain ends", async () => {
  const agent = await open()
  const caller = program(agent)
  const events: string[] = []
  const waiting = caller.call(call, params("wait"), { onEvent: ({ kind }) => events.push(kind) })
  await until(() => events.length === 1)
  await agent[Symbol.asyncDispose]()
  await assert.rejects(waiting.result)
})

test("10,000 calls as fast as they go from 20 programs are all answered, and leave nothing open", async () => {
  await using agent = await open()
  const openCount = () => readdirSync(`/proc/${agent.pid}/fd`).length
  const before = openCount()
  const loop = async (caller: Connection) => {
    for (let each = 0; each < 500; each++) {
      const one = caller.call(call, params("echo"))
      one.stdin.end("hello")
      assert.equal(await text(one.stdout), "hello")
    }
    caller.close()
  }
  await Promise.all(Array.from({ length: 20 }, async () => await loop(program(agent))))
  await until(() => openCount() === before)
})

test("calls over the limit fail at once, and those below go on", async () => {
  await using agent = await open()
  const callers = [program(agent), program(agent)]
  const events: string[] = []
  const failed: string[] = []
  for (let each = 0; each < RPC_LIMITS.callsOpen + 5; each++) {
    const one = callers[each % 2]?.call(call, params("wait"), { onEvent: ({ kind }) => events.push(kind) })
    one?.result.catch((error: { code: string }) => failed.push(error.code))
  }
  await until(() => events.length + failed.length === RPC_LIMITS.callsOpen + 5)
  assert.deepEqual(failed, new Array<string>(5).fill("too-many-calls"))
  for (const caller of callers) caller.close()
})

test("more programs than are let in wait, and one that leaves makes room", async () => {
  await using agent = await open()
  const idle = Array.from({ length: AGENT.callers }, () => createConnection(agent.callSocket))
  await Promise.all(idle.map((each) => new Promise((resolve) => each.once("connect", resolve))))
  const late = program(agent)
  const refused = assert.rejects(late.call(call, params("other")).result, { code: "refused" })
  const [first] = idle
  first?.destroy()
  await refused
  for (const each of idle) each.destroy()
})

test("an agent that has no descriptor left lets programs wait until it has", async () => {
  await using agent = await open()
  const highest = Math.max(...readdirSync(`/proc/${agent.pid}/fd`).map(Number))
  const limit = (soft: number) => execFileSync("prlimit", ["--pid", String(agent.pid), `--nofile=${soft}:`])
  limit(highest + 2)
  const idle = Array.from({ length: 4 }, () => createConnection(agent.callSocket))
  await Promise.all(idle.map((each) => new Promise((resolve) => each.once("connect", resolve))))
  const late = program(agent)
  const refused = assert.rejects(late.call(call, params("other")).result, { code: "refused" })
  limit(1000)
  await refused
  for (const each of idle) each.destroy()
  late.close()
})

test("a program that does not read keeps no other from its calls", async () => {
  await using agent = await open()
  const slow = program(agent)
  const unread = slow.call(call, params("echo"))
  unread.stdin.write(Buffer.alloc(3_000_000))
  const other = program(agent).call(call, params("echo"))
  other.stdin.end(Buffer.alloc(1_000_000))
  assert.equal((await buffer(other.stdout)).length, 1_000_000)
  slow.close()
})

test("a program that breaks the protocol loses its own connection only", async () => {
  await using agent = await open()
  const good = program(agent)
  const waiting = good.call(call, params("echo"))
  for (const bytes of [
    Buffer.alloc(9, 0xff),
    Buffer.from([0, 0, 0, 0, 1, 0, 0, 0, 0x7f]),
    // A call whose params are cut.
    Buffer.from([3, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 9]),
    // Data for a call that is not open.
    Buffer.from([1, 0, 0, 0, 5, 0, 0, 0, 3, 0]),
  ]) {
    const bad = createConnection(agent.callSocket)
    bad.on("error", () => {})
    bad.write(bytes)
    await new Promise((resolve) => bad.once("close", resolve))
  }
  const other = good.call(setClock, { wallClockNs: 1n })
  await assert.rejects(other.result, { code: "unknown-method" })
  waiting.stdin.end("still")
  assert.equal(await text(waiting.stdout), "still")
  assert.ok(existsSync(agent.callSocket))
  good.close()
})
