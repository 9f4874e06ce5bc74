import assert from "node:assert/strict"
import { duplexPair, type Readable } from "node:stream"
import { buffer, text } from "node:stream/consumers"
import { test } from "node:test"
import { decode, encode, nothing, ProtocolError, struct, u8 } from "@skerry/wire"
import {
  bareHandler,
  CallFailure,
  Connection,
  handler,
  method,
  type Relay,
  type RelayHooks,
  RPC_LIMITS,
  relay,
} from "./index.ts"
import { frame, ScriptedPeer } from "./scripted-peer.ts"

const ask = method({
  id: 1,
  name: "ask",
  params: nothing,
  result: struct({ code: u8 }),
  up: nothing,
  down: u8,
})
type Context = Parameters<Parameters<typeof handler<undefined, { code: number }, undefined, number>>[1]>[1]

/** What a caller is answered, and told, where the middle passes all on. */
const passOn: Pick<RelayHooks, "onEvent" | "onEnd"> = {
  onEvent: (bytes) => bytes,
  onEnd: (type, payload) => ({ type, payload }),
}

/** A caller, the middle that passes its calls on to `to`, and how often a relay was over. */
function middle(to: Connection, hooks: Partial<RelayHooks> = {}) {
  const [callerEnd, middleEnd] = duplexPair()
  const relays: Relay[] = []
  const over = { count: 0 }
  const take = (_: undefined, state: Parameters<typeof relay>[0]) => {
    const joined = { ...passOn, bytesLast: true, onOver: () => void over.count++, ...hooks }
    relays.push(relay(state, to.openCall(ask, undefined), joined))
  }
  const from = new Connection(middleEnd, { serve: [bareHandler(ask, take)] })
  return { caller: new Connection(callerEnd), from, relays, over }
}

/** The same with a service at the other end. */
function joined(serve: (context: Context) => Promise<number>, hooks: Partial<RelayHooks> = {}) {
  const [toEnd, serviceEnd] = duplexPair()
  const answer = async (_: undefined, context: Context) => ({ code: await serve(context) })
  const service = new Connection(serviceEnd, { serve: [handler(ask, answer)] })
  const to = new Connection(toEnd)
  return { ...middle(to, hooks), to, service }
}

const aborted = ({ signal }: Context) =>
  new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true })
  })

async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000
  while (!holds()) {
    assert.ok(performance.now() < deadline, "in time")
    await new Promise((resolve) => setImmediate(resolve))
  }
}

const echo = async ({ stdin, stdout }: Context) => {
  for await (const chunk of stdin)
    if (!stdout.write(chunk)) await new Promise((go) => stdout.once("drain", go))
  return 0
}

for (const bytesLast of [true, false]) {
  test(`10 MB go through and back (bytes that last: ${bytesLast})`, async () => {
    const { caller, over } = joined(echo, { bytesLast })
    const bytes = Buffer.alloc(
      10_000_000,
      Uint8Array.from({ length: 251 }, (_, index) => index),
    )
    const call = caller.call(ask, undefined)
    call.stdin.end(bytes)
    assert.ok((await buffer(call.stdout)).equals(bytes))
    assert.deepEqual(await call.result, { code: 0 })
    assert.equal(over.count, 1)
  })
}

test("events, both outputs and the answer reach the caller, as the hooks have them", async () => {
  const heard: number[] = []
  const { caller } = joined(
    async (context) => {
      context.send(3)
      context.send(4)
      context.stdout.write("out")
      context.stderr.write("err")
      return 5
    },
    {
      onEvent: (bytes) => (bytes[0] === 4 ? Uint8Array.of(40) : undefined),
      onEnd: (type, bytes) => {
        const { code } = decode(ask.result, bytes)
        return { type, payload: encode(ask.result, { code: code + 1 }) }
      },
    },
  )
  const call = caller.call(ask, undefined, { onEvent: (event) => heard.push(event) })
  assert.deepEqual(await Promise.all([text(call.stdout), text(call.stderr)]), ["out", "err"])
  assert.deepEqual(await call.result, { code: 6 })
  assert.deepEqual(heard, [40])
})

test("a failure reaches the caller with its code and message", async () => {
  const { caller } = joined(() => Promise.reject(new CallFailure("not-found", "There is none")))
  await assert.rejects(caller.call(ask, undefined).result, { code: "not-found", message: "There is none" })
})

test("a caller that does not read holds up its service at the windows' size, and no other call", async () => {
  let written = 0
  const { caller } = joined(async ({ stdin, stdout }) => {
    if ((await text(stdin)) === "short") return 1
    for (let chunk = 0; chunk < 100; chunk++) {
      await new Promise<unknown>((taken) => stdout.write(Buffer.alloc(50_000), taken))
      written += 50_000
    }
    return 0
  })
  const slow = caller.call(ask, undefined)
  slow.stdin.end("long")
  const other = async () => {
    const call = caller.call(ask, undefined)
    call.stdin.end("short")
    assert.deepEqual(await call.result, { code: 1 })
  }
  await until(() => written >= RPC_LIMITS.windowBytes)
  for (let turn = 0; turn < 20; turn++) await other()
  assert.ok(written <= 3 * RPC_LIMITS.windowBytes, `${written} bytes were taken`)
  assert.equal((await buffer(slow.stdout)).length, 5_000_000)
  assert.deepEqual(await slow.result, { code: 0 })
})

test("a service that does not read holds up its caller at the windows' size", async () => {
  let read: ((stream: Readable) => void) | undefined
  const reading = new Promise<Readable>((resolve) => {
    read = resolve
  })
  const { caller } = joined(async ({ stdin }) => {
    read?.(stdin)
    await new Promise((resolve) => stdin.once("end", resolve))
    return 0
  })
  const call = caller.call(ask, undefined)
  let taken = 0
  const count = () => {
    taken += 50_000
  }
  for (let chunk = 0; chunk < 100; chunk++) call.stdin.write(Buffer.alloc(50_000), count)
  call.stdin.end()
  const stdin = await reading
  await until(() => taken >= RPC_LIMITS.windowBytes)
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
  assert.ok(taken <= 3 * RPC_LIMITS.windowBytes, `${taken} bytes were taken`)
  assert.equal((await buffer(stdin)).length, 5_000_000)
  assert.deepEqual(await call.result, { code: 0 })
})

test("a caller that gives up cancels the service, and both calls are over", async () => {
  const signals: AbortSignal[] = []
  const { caller, over } = joined((context) => {
    signals.push(context.signal)
    return aborted(context)
  })
  const abort = new AbortController()
  const call = caller.call(ask, undefined, { signal: abort.signal })
  await until(() => signals.length === 1)
  abort.abort(new Error("enough"))
  await assert.rejects(call.result, { message: "enough" })
  await until(() => over.count === 1)
  assert.ok(signals[0]?.aborted)
})

test("a caller that gives up unread output is answered nevertheless", async () => {
  const { caller, from, over } = joined(async (context) => {
    context.stdout.write(Buffer.alloc(2_000_000))
    return await aborted(context)
  })
  const abort = new AbortController()
  const call = caller.call(ask, undefined, { signal: abort.signal })
  await new Promise((resolve) => call.stdout.once("readable", resolve))
  abort.abort()
  await until(() => over.count === 1)
  assert.equal(await caller.call(ask, undefined, { signal: AbortSignal.timeout(1) }).result.catch(() => 7), 7)
  from.close()
})

test("a callee that never heard of a call is not waited for", async () => {
  const peer = new ScriptedPeer()
  peer.hold()
  const to = new Connection(peer.duplex)
  // The transport takes one write and then nothing more: the second call waits in the middle.
  for (let each = 0; each < 2; each++) to.call(ask, undefined).stdin.end(Buffer.alloc(200_000))
  await peer.settle()
  const { caller, over } = middle(to)
  const abort = new AbortController()
  const call = caller.call(ask, undefined, { signal: abort.signal })
  await peer.settle()
  abort.abort()
  await until(() => over.count === 1)
  await assert.rejects(call.result)
  peer.release()
  await peer.settle()
  assert.deepEqual(
    peer.heard.filter((each) => each.endsWith(" 3")),
    [],
  )
})

test("a caller hears that the callee's connection was lost", async () => {
  const { caller, service, over } = joined(aborted)
  const call = caller.call(ask, undefined)
  call.stdin.write("x")
  setImmediate(() => service.close())
  await assert.rejects(call.result, { code: "connection-closed" })
  assert.equal(over.count, 1)
})

test("a lost caller cancels the service", async () => {
  const signals: AbortSignal[] = []
  const { caller, over } = joined((context) => {
    signals.push(context.signal)
    return aborted(context)
  })
  const call = caller.call(ask, undefined)
  await until(() => signals.length === 1)
  caller.close()
  await assert.rejects(call.result)
  await until(() => over.count === 1)
  assert.ok(signals[0]?.aborted)
})

test("a relay that is failed answers at once, and is over when the service has answered", async () => {
  let release = () => {}
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  const { caller, relays, over } = joined(async ({ stdout }) => {
    stdout.write(Buffer.alloc(1_000_000))
    await released
    return 0
  })
  const call = caller.call(ask, undefined)
  await until(() => relays.length === 1)
  relays[0]?.fail("deadline", "It took too long")
  await assert.rejects(call.result, { code: "deadline", message: "It took too long" })
  assert.equal(over.count, 0)
  release()
  await until(() => over.count === 1)
  relays[0]?.fail("deadline", "Again")
  assert.equal(over.count, 1)
})

test("an answer that breaks the protocol ends the callee's connection, and fails the call", async () => {
  const peer = new ScriptedPeer()
  const to = new Connection(peer.duplex)
  const { caller, over } = middle(to, {
    onEnd: () => {
      throw new ProtocolError("bad-value", "No exit status")
    },
  })
  const call = caller.call(ask, undefined)
  await peer.settle()
  peer.send(frame(1, "return", 1, 2, 3))
  await assert.rejects(call.result, { code: "connection-closed" })
  assert.equal((await to.closed).kind, "protocol-error")
  assert.equal(over.count, 1)
})
