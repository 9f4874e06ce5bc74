import assert from "node:assert/strict"
import type { Readable } from "node:stream"
import { text } from "node:stream/consumers"
import { type ExecParams, exec, RemoteError } from "@skerry/rpc"
import type { TestAgent } from "./test-agent.ts"

export const command = (argv: string[], more: Partial<ExecParams> = {}): ExecParams => ({
  argv,
  environment: [],
  workingDirectory: "/",
  user: process.getuid?.() === 0 ? "root" : "user",
  terminal: undefined,
  descriptors: false,
  ...more,
})

export const shell = (script: string, more: Partial<ExecParams> = {}) => command(["sh", "-c", script], more)
export const terminal = { rows: 30, columns: 100, type: "xterm" }

export async function output(agent: TestAgent, params: ExecParams) {
  const call = agent.caller.call(exec, params)
  call.stdin.end()
  const [stdout, stderr, { exit }] = await Promise.all([text(call.stdout), text(call.stderr), call.result])
  return { stdout, stderr, exit }
}

/** The pieces of a stream until they contain `end`. */
export async function readUntil(stream: Readable, end: string): Promise<string> {
  let seen = ""
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
    seen += String(chunk)
    if (seen.includes(end)) return seen
  }
  return seen
}

export const failsWith = (call: { readonly result: Promise<unknown> }, code: string) =>
  assert.rejects(call.result, (error) => error instanceof RemoteError && error.code === code)
