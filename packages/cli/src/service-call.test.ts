import assert from "node:assert/strict"
import { PassThrough } from "node:stream"
import { test } from "node:test"
import type { Program } from "@skerry/services"
import { carryCall } from "./service-call.ts"
import { connectToDomains } from "./services/scripted-domain.ts"
import { CapturedOutput } from "./testing.ts"

/** Says the same on both of its streams, in two pieces that part a character. */
const saying =
  (text: string): Program =>
  async ({ stdout, stderr }) => {
    const bytes = Buffer.from(text)
    for (const stream of [stdout, stderr]) {
      stream.write(bytes.subarray(0, 1))
      stream.write(bytes.subarray(1))
    }
    return 3
  }

async function callAndSee(text: string, isTTY: boolean): Promise<readonly string[]> {
  const connection = connectToDomains({ mail: { "my.Service": { program: saying(text), home: "/" } } })
  const stdin = new PassThrough()
  stdin.end()
  const [stdout, stderr] = [new CapturedOutput({ isTTY }), new CapturedOutput({ isTTY })]
  const to = { target: "mail", service: "my.Service", argument: "", deadlineMs: 0 }
  const context = { stdin, stdout, stderr, signal: new AbortController().signal }
  assert.equal(await carryCall(context, connection, to), 3)
  return [stdout.text, stderr.text]
}

test("a terminal obeys nothing that a domain prints, and shows what is text", async () => {
  const shown = "é\tline\nnext\n\\u001b]0;title\\u0007\\u009b2J\\u202e"
  const seen = await callAndSee("é\tline\r\nnext\n\u001b]0;title\u0007\u009b2J\u202e", true)
  assert.deepEqual(seen, [shown, shown])
})

test("a pipe gets a call's bytes as they are", async () => {
  const bytes = "é\r\n\u001b[2J\u0000"
  assert.deepEqual(await callAndSee(bytes, false), [bytes, bytes])
})
