import assert from "node:assert/strict"
import { existsSync, writeSync } from "node:fs"
import { test } from "node:test"
import { openLinux } from "@skerry/linux"
import { answering, Loop, Port, type PortHandler, servePort } from "@skerry/loop"
import { type ExecParams, encodeCall, exec, type Method, ping, STREAM } from "@skerry/rpc"
import { writeFrame } from "@skerry/wire"
import { type ExecHost, execHandler } from "./exec.ts"

const linux = openLinux()
const user = { name: "user", uid: 1000, gid: 1000, home: "/", shell: "/bin/sh" }

/** Two ports in one loop: what the caller's call is answered with. */
function answerOf<P>(
  handlers: readonly PortHandler[],
  method: Pick<Method<P, unknown, unknown, unknown>, "id" | "name" | "params">,
  params: P,
): string {
  const loop = new Loop(linux, () => performance.now())
  const [callerFd, agentFd] = linux.socketPair()
  const agent = servePort({ loop, linux, fd: agentFd, onEnd: () => {} }, handlers)
  const caller = new Port({ loop, linux, fd: callerFd, onEnd: () => {} })
  const call = caller.calls.call()
  let answer = ""
  call.listen({
    onEvent: () => {},
    onCancel: () => {},
    onEnd(type, bytes) {
      answer = type === "fail" ? `fail ${Buffer.from(bytes).toString("latin1")}` : type
      loop.stop()
    },
  })
  for (const stream of [STREAM.stdout, STREAM.stderr]) call.received(stream).discard()
  call.open(encodeCall(method, params))
  loop.run()
  caller.close()
  agent.close()
  return answer
}

const openHost = (loop: Loop): ExecHost => ({
  loop,
  linux,
  canSwitchAccount: false,
  descriptors: undefined,
  accounts: { root: user, user },
})

const shell = (script: string): ExecParams => ({
  argv: ["sh", "-c", script],
  environment: [],
  workingDirectory: "/",
  user: "user",
  terminal: undefined,
  descriptors: false,
})

test("nothing runs in a machine that was not identified", () => {
  const host = openHost(new Loop(linux, () => performance.now()))
  const params = shell("true")
  assert.match(answerOf([execHandler(host, () => false)], exec, params), /^fail .*not-identified/s)
})

test("a method that the agent does not know fails, and the connection goes on", () => {
  assert.match(answerOf([], ping, { version: 1 }), /^fail .*unknown-method/s)
})

test("a peer that breaks the protocol loses its connection at once", () => {
  const loop = new Loop(linux, () => performance.now())
  const [callerFd, agentFd] = linux.socketPair()
  let served = 0
  const count = answering(ping, () => {
    served += 1
    return { version: 1, bootId: "" }
  })
  servePort({ loop, linux, fd: agentFd, onEnd: () => loop.stop() }, [count])
  const good = writeFrame(1, 1, encodeCall(ping, { version: 1 }))
  const unknown = writeFrame(1, 0x7f, new Uint8Array(0))
  const late = writeFrame(2, 1, encodeCall(ping, { version: 1 }))
  writeSync(callerFd, Buffer.concat([good, unknown, late]))
  loop.run()
  assert.equal(served, 1)
})

test("an answer larger than the socket's buffer arrives whole", () => {
  const loop = new Loop(linux, () => performance.now())
  const [callerFd, agentFd] = linux.socketPair()
  const bytes = Buffer.alloc(3_000_000, "skerry ")
  const send: PortHandler = {
    id: exec.id,
    start(call) {
      call.listen({ onEvent: () => {}, onCancel: () => {}, onEnd: () => {} })
      call.sent(STREAM.stdout).write(bytes, () => {})
      call.finish("return", new Uint8Array(0))
    },
  }
  servePort({ loop, linux, fd: agentFd, onEnd: () => {} }, [send])
  const caller = new Port({ loop, linux, fd: callerFd, onEnd: () => {} })
  const call = caller.calls.call()
  const pieces: Buffer[] = []
  call.listen({ onEvent: () => {}, onCancel: () => {}, onEnd: () => loop.stop() })
  const stdout = call.received(STREAM.stdout)
  stdout.attach((piece) => {
    if (piece !== null) pieces.push(Buffer.from(piece))
    return true
  })
  stdout.pull()
  call.received(STREAM.stderr).discard()
  call.open(encodeCall(ping, { version: 1 }).fill(exec.id, 0, 1))
  loop.run()
  assert.ok(Buffer.concat(pieces).equals(bytes))
})

test("a lost connection ends its commands, also those that ignore TERM", () => {
  const loop = new Loop(linux, () => performance.now())
  const [callerFd, agentFd] = linux.socketPair()
  const account = { ...user, uid: process.getuid?.() ?? 0 }
  const host = { ...openHost(loop), accounts: { root: account, user: account } }
  servePort({ loop, linux, fd: agentFd, onEnd: () => {} }, [execHandler(host, () => true)])
  const caller = new Port({ loop, linux, fd: callerFd, onEnd: () => {} })
  const call = caller.calls.call()
  call.listen({ onEvent: () => {}, onCancel: () => {}, onEnd: () => {} })
  let pid = 0
  const stdout = call.received(STREAM.stdout)
  stdout.attach((bytes) => {
    // The end comes as well, once the connection is lost.
    if (bytes === null) return false
    pid = Number(Buffer.from(bytes).toString())
    caller.close()
    return false
  })
  stdout.pull()
  call.open(encodeCall(exec, shell("trap '' TERM; echo $$; while :; do sleep 0.05; done")))
  const stopWhenGone = () => {
    if (pid > 0 && !existsSync(`/proc/${pid}`)) loop.stop()
    else loop.after(10, stopWhenGone)
  }
  stopWhenGone()
  loop.run()
  assert.ok(pid > 0)
})
