import assert from "node:assert/strict"
import { buffer } from "node:stream/consumers"
import { test } from "node:test"
import { PROMPT_LIMITS } from "@skerry/rpc"
import { ProtocolError } from "@skerry/wire"
import type { CallTo } from "../program.ts"
import { asCall, runProgram } from "../testing.ts"
import { askHost } from "./ask-host.ts"
import {
  CONFIRM_LIMITS,
  CONFIRM_STATUS,
  type ConfirmRequest,
  encodeConfirmRequest,
  parseConfirmRequest,
} from "./confirm-request.ts"

const request = (over: Partial<ConfirmRequest> = {}): ConfirmRequest => ({
  callId: "k3j5h2",
  operation: "sign",
  title: "Sign a commit",
  details: [
    { label: "Key", text: "0123 4567" },
    { label: "Text", text: "Mend the pump\n\nIt leaked. ✓" },
  ],
  rememberable: true,
  ...over,
})

const parsed = (text: string) => parseConfirmRequest(Buffer.from(text))
const isProtocolError = (error: unknown) => error instanceof ProtocolError

test("a request comes back as it was", () => {
  assert.deepEqual(parseConfirmRequest(encodeConfirmRequest(request())), request())
})

test("each text stands at its limit, and not over it", () => {
  const limits = {
    callId: 64,
    operation: PROMPT_LIMITS.operationBytes,
    title: PROMPT_LIMITS.titleBytes,
  }
  for (const [field, limit] of Object.entries(limits)) {
    const whole = request({ [field]: "x".repeat(limit) })
    assert.deepEqual(parsed(JSON.stringify(whole)), whole, field)
    const over = request({ [field]: "x".repeat(limit + 1) })
    assert.throws(() => parsed(JSON.stringify(over)), isProtocolError, field)
    assert.throws(() => encodeConfirmRequest(over), RangeError, field)
  }
  const detail = (label: number, text: number) =>
    request({ details: [{ label: "x".repeat(label), text: "y".repeat(text) }] })
  const { labelBytes, detailBytes, detailsBytes, details } = PROMPT_LIMITS
  assert.ok(encodeConfirmRequest(detail(labelBytes, detailBytes)))
  assert.throws(() => encodeConfirmRequest(detail(labelBytes + 1, 0)), RangeError)
  assert.throws(() => encodeConfirmRequest(detail(0, detailBytes + 1)), RangeError)
  const many = (count: number, bytes: number) =>
    request({ details: Array.from({ length: count }, () => ({ label: "", text: "z".repeat(bytes) })) })
  assert.ok(encodeConfirmRequest(many(details, detailsBytes / details)))
  assert.throws(() => encodeConfirmRequest(many(details + 1, 1)), RangeError)
  const over = many(details, detailsBytes / details)
  assert.throws(
    () =>
      encodeConfirmRequest({
        ...over,
        details: over.details.with(0, { label: "x", text: over.details[0]?.text ?? "" }),
      }),
    RangeError,
  )
})

test("a request at all its limits, every byte of it escaped, fits; a byte more does not", () => {
  const { details, detailsBytes, operationBytes, titleBytes } = PROMPT_LIMITS
  const whole = request({
    callId: "\u0001".repeat(64),
    operation: "\u0001".repeat(operationBytes),
    title: "\u0001".repeat(titleBytes),
    details: Array.from({ length: details }, () => ({
      label: "",
      text: "\u0001".repeat(detailsBytes / details),
    })),
  })
  const bytes = encodeConfirmRequest(whole)
  assert.ok(bytes.length <= CONFIRM_LIMITS.requestBytes)
  const padded = Buffer.alloc(CONFIRM_LIMITS.requestBytes, " ")
  padded.set(bytes)
  assert.deepEqual(parseConfirmRequest(padded), whole)
  assert.throws(() => parseConfirmRequest(Buffer.concat([padded, Buffer.from(" ")])), isProtocolError)
})

test("what is no whole request is refused", () => {
  const good = JSON.stringify(request())
  for (const bad of [
    "",
    "null",
    "[]",
    "7",
    good.slice(0, -1),
    `${good}${good}`,
    good.replace('"rememberable":true', '"rememberable":1'),
    good.replace('"rememberable":true', '"rememberable":true,"more":1'),
    good.replace('"callId":"k3j5h2",', ""),
    good.replace('"callId":"k3j5h2"', '"__proto__":"k3j5h2"'),
    good.replace('"sign"', '""'),
    good.replace('"sign"', '"\\ud800"'),
    good.replace('"label":"Key"', '"label":"Key","mark":1'),
    good.replace('"label":"Key"', '"label":null'),
    good.replace(/"details":\[.*\],/, '"details":{},'),
    "[".repeat(CONFIRM_LIMITS.requestBytes),
    '{"a":'.repeat(30_000),
  ]) {
    assert.notEqual(bad, good)
    assert.throws(() => parsed(bad), isProtocolError, bad.slice(0, 200))
  }
  assert.throws(() => parseConfirmRequest(Uint8Array.of(0x22, 0xff, 0x22)), isProtocolError)
})

test("a keeper asks by a call of the host's service, and only status 0 allows", async () => {
  for (const [status, expected] of [
    [CONFIRM_STATUS.allowed, true],
    [CONFIRM_STATUS.refused, false],
    [CONFIRM_STATUS.badRequest, false],
    [127, false],
  ] as const) {
    const calls: CallTo[] = []
    const received: unknown[] = []
    const run = runProgram(
      async (io) => {
        const { callId, ...question } = request()
        return (await askHost(io)(question)) ? 10 : 20
      },
      {
        environment: { SKERRY_CALL_ID: "k3j5h2" },
        openCall: async (to) => {
          calls.push(to)
          return asCall(
            runProgram(async (host) => {
              received.push(parseConfirmRequest(await buffer(host.stdin)))
              return status
            }),
          )
        },
      },
    )
    assert.equal(await run.status, expected ? 10 : 20)
    assert.deepEqual(calls, [{ target: "@adminvm", service: "skerry.Confirm" }])
    assert.deepEqual(received, [request()])
  }
})
