import assert from "node:assert/strict"
import { text } from "node:stream/consumers"
import { test } from "node:test"
import type { CallTo } from "../program.ts"
import { asCall, runProgram } from "../testing.ts"
import { askHost } from "./ask-host.ts"
import { decodeConfirmation } from "./confirmation.ts"

const question = {
  operation: "sign",
  title: "Sign a commit",
  details: [{ label: "Text", text: "Mend the pump\n\nIt leaked. ✓" }],
  rememberable: false,
}

for (const [status, isAllowed] of [
  [0, true],
  [1, false],
  [2, false],
  [127, false],
] as const) {
  test(`a keeper asks by a call of the host's service; status ${status} ${isAllowed ? "allows" : "refuses"}`, async () => {
    const calls: CallTo[] = []
    const received: unknown[] = []
    const run = runProgram(async (io) => ((await askHost(io)(question)) ? 10 : 20), {
      openCall: async (to) => {
        calls.push(to)
        return asCall(
          runProgram(async (host) => {
            received.push(decodeConfirmation(await text(host.stdin)))
            return status
          }),
        )
      },
    })
    assert.equal(await run.status, isAllowed ? 10 : 20)
    assert.deepEqual(calls, [{ target: "@adminvm", service: "skerry.Confirm" }])
    assert.deepEqual(received, [question])
  })
}
