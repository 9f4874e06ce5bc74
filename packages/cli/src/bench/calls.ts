import { spawnSync } from "node:child_process"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import { ADMIN, type CommandSpec } from "@skerry/rpc"
import { CliError } from "../cli-error.ts"
import type { Bench } from "./bench.ts"
import { median } from "./statistics.ts"

/** Instances of level process of the bench's home. */
export const CALLER = "light"
export const CALLEE = "callee"

const COUNTS = { calls: 2000, spawned: 500, atOnce: 100, spawns: 300 } as const
export const STREAM_BYTES = 512e6
/** Of each direction; their median counts. */
export const STREAM_ROUNDS = 5

/** What calls between two domains take; all in milliseconds. */
export interface CallTimes {
  readonly socketEcho: number
  readonly executableEcho: number
  readonly refused: number
  /** Of a hundred at once, those that failed. */
  readonly failedAtOnce: number
  readonly streamUp: number
  readonly streamDown: number
}

/** Rules in front of those that decide: as many as the reference was measured with. */
const FILLER_RULES = 200
const POLICY = `${Array.from({ length: FILLER_RULES }, (_, index) => `filler.Service${index} * domain-${index} other-${index} deny`).join("\n")}
bench.Refused * @anyvm @anyvm deny
* * ${CALLER} ${CALLEE} allow
`

export function writeBenchPolicy(configuration: string): void {
  const directory = join(configuration, "policy.d")
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, "10-bench.policy"), POLICY)
}

const ECHO_SOCKET = "/run/qubes-rpc/bench.EchoSocket"
const PREPARE = [
  "mkdir -p /run/qubes-rpc",
  "ln -sf /bin/cat /run/qubes-rpc/bench.Echo",
  "printf '#!/bin/sh\\nexec cat >/dev/null\\n' >/run/qubes-rpc/bench.Sink",
  `printf '#!/bin/sh\\nexec head -c ${STREAM_BYTES} /dev/zero\\n' >/run/qubes-rpc/bench.Source`,
  "chmod +x /run/qubes-rpc/bench.S*",
].join(" && ")

/** Measured once, for all rows about calls. */
export const callTimes = (bench: Bench): Promise<CallTimes> => {
  bench.callTimes ??= measureCalls(bench)
  return bench.callTimes
}

async function measureCalls(bench: Bench): Promise<CallTimes> {
  const { connection } = bench
  for (const instance of [CALLEE, CALLER]) await connection.call(ADMIN.start, { instance }).result
  try {
    await runIn(bench, CALLEE, ["sh", "-c", PREPARE])
    const server = startIn(bench, CALLEE, ["skerry-bench-echo", ECHO_SOCKET])
    await server.firstLine
    const echo = async (service: string, count: number, atOnce = 1) => {
      const words = ["skerry-bench-calls", CALLEE, service, String(count), String(atOnce)]
      return JSON.parse(await runIn(bench, CALLER, words)) as { ms: number; failed: number }
    }
    const socket = await echo("bench.EchoSocket", COUNTS.calls)
    const executable = await echo("bench.Echo", COUNTS.spawned)
    const refused = await echo("bench.Refused", COUNTS.calls)
    const atOnce = await echo("bench.Echo", COUNTS.atOnce, COUNTS.atOnce)
    const streamMs = async (...words: string[]) => {
      const startMs = performance.now()
      await runIn(bench, CALLER, ["skerry-call", CALLEE, ...words])
      return performance.now() - startMs
    }
    const empty: number[] = []
    for (let round = 0; round < STREAM_ROUNDS; round++) empty.push(await streamMs("bench.Sink", "true"))
    const emptyMs = median(empty)
    const ups: number[] = []
    const downs: number[] = []
    for (let round = 0; round < STREAM_ROUNDS; round++) {
      ups.push(await streamMs("bench.Sink", "head", "-c", String(STREAM_BYTES), "/dev/zero"))
      downs.push(await streamMs("bench.Source", "sh", "-c", "cat >/dev/null"))
    }
    return {
      socketEcho: socket.ms / COUNTS.calls,
      executableEcho: executable.ms / COUNTS.spawned,
      refused: refused.ms / COUNTS.calls,
      failedAtOnce: atOnce.failed,
      // Without what it takes to start a program and make a call.
      streamUp: median(ups) - emptyMs,
      streamDown: median(downs) - emptyMs,
    }
  } finally {
    for (const domain of [CALLER, CALLEE]) {
      await connection.call(ADMIN.stop, { domain, force: true }).result
    }
    await setTimeout(100)
  }
}

const command = (argv: readonly string[]): CommandSpec => ({
  argv: [...argv],
  environment: [],
  terminal: undefined,
  workingDirectory: undefined,
  user: undefined,
  offersDescriptors: false,
})

function startIn({ connection, context: { signal } }: Bench, domain: string, argv: readonly string[]) {
  const call = connection.call(ADMIN.exec, { domain, command: command(argv) }, { signal })
  let [stdout, stderr] = ["", ""]
  const firstLine = Promise.withResolvers<void>()
  call.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk
    if (stdout.includes("\n")) firstLine.resolve()
  })
  call.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk
  })
  call.stdin.end()
  const printed = call.result.then(({ exit }) => {
    if (exit.kind === "code" && exit.code === 0) return stdout
    throw new CliError("refused", `${argv.join(" ")} failed in "${domain}": ${stderr.slice(-300)}`)
  })
  printed.catch(firstLine.reject)
  return { firstLine: firstLine.promise, printed }
}

const runIn = (bench: Bench, domain: string, argv: readonly string[]) => startIn(bench, domain, argv).printed

/** Milliseconds to start /bin/cat, have it give back a line, and see it end. */
export function spawnMs(): number {
  const times = Array.from({ length: COUNTS.spawns }, () => {
    const startMs = performance.now()
    spawnSync("/bin/cat", { input: "0123456789abcde\n" })
    return performance.now() - startMs
  })
  return median(times)
}
