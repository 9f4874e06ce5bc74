import assert from "node:assert/strict"
import { after, before, describe, test } from "node:test"
import type { Domain, Template } from "@skerry/isolation"
import { parseDomainId } from "@skerry/model"
import { type CallParams, type CallState, call, STREAM } from "@skerry/rpc"
import { encode } from "@skerry/wire"
import { agentOf, identify, runScript } from "./support/vm-agent.ts"
import { openVmHost, VM_LIMITS, VM_SHAPE, VM_STEP_MS } from "./support/vm-host.ts"

/* The domain's side of calls in a real machine: a clone whose agent listened already as its template's. */

const never = () => AbortSignal.timeout(VM_STEP_MS)

/** As people write them for Qubes: the argument, who calls, and what was asked for. */
const SCRIPT = `#!/bin/sh
set -e
[ -n "$1" ] || exit 2
read line
echo "$QREXEC_REMOTE_DOMAIN asks $QREXEC_REQUESTED_TARGET for $QREXEC_SERVICE_FULL_NAME ($1): $line"
id -u >&2
exit 3
`

describe("calls in a clone", { skip: process.getuid?.() !== 0 }, () => {
  const stack = new AsyncDisposableStack()
  let template: Template
  let domain: Domain

  before(async () => {
    const host = stack.use(await openVmHost())
    const backend = stack.use(await host.open())
    template = stack.use(await backend.prepare(host.image, VM_SHAPE, never()))
    const request = { id: parseDomainId("calls"), limits: VM_LIMITS, onConsole: () => {} }
    domain = stack.use(await backend.start(template, request, never()))
    await identify(domain)
  })
  after(() => stack.disposeAsync())

  test("a service script of Qubes' kind runs unchanged, as the domain's user", async () => {
    const directory = "/usr/local/etc/qubes-rpc"
    const write = `cat > ${directory}/test.Script && chmod 755 ${directory}/test.Script`
    assert.equal((await runScript(domain, write, { user: "root", input: SCRIPT })).status, "0")
    const state = agentOf(domain.channel).openService({
      ...{ service: "test.Script", argument: "arg", source: "mail", requestedTarget: "work" },
      ...{ user: "", callId: "1", progress: false, pipes: 0 },
    })
    state.sent(STREAM.stdin).write(Buffer.from("hello\n"), () => {})
    const { type, answer, stdout, stderr } = await outcome(state)
    assert.equal(type, "return")
    assert.deepEqual([...answer], [0, 3])
    assert.equal(stdout, "mail asks work for test.Script+arg (arg): hello\n")
    assert.equal(stderr, "1000\n")
  })

  test("skerry-call reaches the host from within, under both of its names", async () => {
    const calls: CallParams[] = []
    agentOf(domain.channel).serveCalls((params, state) => {
      calls.push(params)
      state.listen({ onEvent: () => {}, onCancel: () => {}, onEnd: () => {} })
      state.sent(STREAM.stdout).write(Buffer.from("from the host\n"), () => {})
      state.finish("return", encode(call.result, { exitCode: 7 }))
    })
    for (const name of ["skerry-call", "qrexec-client-vm"]) {
      const { stdout, status, stderr } = await runScript(domain, `${name} '$dispvm' a.B+c </dev/null`)
      assert.deepEqual([stdout, stderr, status], ["from the host\n", "", "7"])
    }
    assert.deepEqual(
      calls.map(({ target, service, argument }) => [target, service, argument]),
      new Array(2).fill(["@dispvm", "a.B", "c"]),
    )
  })
})

async function outcome(state: CallState) {
  const outputs = { 1: "", 2: "" }
  for (const number of [1, 2] as const) {
    const stream = state.received(number)
    stream.attach((bytes) => {
      if (bytes !== null) outputs[number] += Buffer.from(bytes).toString()
      return true
    })
    stream.pull()
  }
  const { promise, resolve } = Promise.withResolvers<{ type: string; answer: Buffer }>()
  state.listen({
    onEvent: () => {},
    onCancel: () => {},
    onEnd: (type, bytes) => resolve({ type, answer: Buffer.from(bytes) }),
  })
  const { type, answer } = await promise
  return { type, answer, stdout: outputs[1], stderr: outputs[2] }
}
