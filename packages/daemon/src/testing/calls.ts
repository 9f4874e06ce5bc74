import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { ADMIN, type CallDown, type Connection, call } from "@skerry/rpc"
import type { startTestDaemon } from "./test-daemon.ts"

type TestDaemon = Awaited<ReturnType<typeof startTestDaemon>>

export interface CallOutcome {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
  readonly events: readonly CallDown["kind"][]
}

export interface CallWords {
  readonly argument?: string
  readonly input?: string
  readonly deadlineMs?: number
  readonly parent?: string
  readonly signal?: AbortSignal
  readonly progress?: boolean
}

/** Makes a call to its end: as a domain where `connection` is its agent's, else as the host. */
export async function callService(
  connection: Connection,
  target: string,
  service: string,
  words: CallWords = {},
  method: typeof call = call,
): Promise<CallOutcome> {
  const events: CallDown["kind"][] = []
  const { argument = "", deadlineMs = 0, parent = "", signal, progress = true } = words
  const made = connection.call(
    method,
    { service, argument, target, deadlineMs, parent, progress, pipes: false },
    { onEvent: ({ kind }) => events.push(kind), ...(signal && { signal }) },
  )
  made.stdin.on("error", () => {}) // a service need not read its input
  made.stdin.end(words.input ?? "")
  const output = Promise.all([text(made.stdout), text(made.stderr)])
  output.catch(() => {}) // the result says what went wrong
  const { exitCode } = await made.result
  const [stdout, stderr] = await output
  return { exitCode, stdout, stderr, events }
}

export const hostCall = (connection: Connection, target: string, service: string, words?: CallWords) =>
  callService(connection, target, service, words, ADMIN.call)

/** Puts a policy file in force. */
export function writePolicy({ paths }: TestDaemon, text: string, name = "30-test.policy"): void {
  const directory = join(paths.configuration, "policy.d")
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, name), text)
}

/** Starts an instance's domain and gives its agent's end. */
export async function startDomain(daemon: TestDaemon, instance: string): Promise<Connection> {
  await daemon.connect().call(ADMIN.start, { instance }).result
  const agent = daemon.record.agents.get(instance)
  if (agent === undefined) throw new Error(`No agent was told that it is ${instance}`)
  return agent
}

/** Resolves once it is so; fails after 5 s. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 5000
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error("It did not come to this within 5 s")
    await new Promise((resolve) => setImmediate(resolve))
  }
}
