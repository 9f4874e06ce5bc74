import { readdir, readFile } from "node:fs/promises"
import { setTimeout } from "node:timers/promises"
import { ADMIN } from "@skerry/rpc"
import { CliError } from "../cli-error.ts"
import type { Bench } from "./bench.ts"
import { idleInstances } from "./bench-home.ts"
import { parsePss, parseStat } from "./proc.ts"

const LIMITS = {
  /** A process that takes less than `idleTicks` of its processor (of 10 ms each) in so long is idle. */
  idleWindowMs: 500,
  idleTicks: 2,
  idleMs: 60_000,
} as const

/**
 * Milliseconds from asking for a domain that stays until it is there. One is started before, so that nothing is
 * prepared for the one that is measured, as nothing is for most of many that start at once.
 */
export async function lastingStart(bench: Bench): Promise<number> {
  const first = await start(bench, idleInstances[0])
  const startMs = performance.now()
  const second = await start(bench, idleInstances[1])
  const elapsedMs = performance.now() - startMs
  await Promise.all([first, second].map((domain) => stop(bench, domain)))
  return elapsedMs
}

/** Bytes of a domain, alone on its template, that has run one command and then nothing more. */
export async function idleMemory(bench: Bench): Promise<number> {
  const domain = await start(bench, idleInstances[0])
  try {
    await answer(bench, domain)
    const { pid } = await bench.domain(domain)
    if (pid !== undefined) await idle(bench, [pid])
    const { memoryBytes } = await bench.domain(domain)
    if (memoryBytes === undefined)
      throw new CliError("refused", "This host does not say what a process's memory is")
    return memoryBytes
  } finally {
    await stop(bench, domain)
  }
}

export interface ManyIdle {
  readonly startMs: number
  /** Of the daemon and every process below it. */
  readonly bytes: number
  /** Of each domain's own process. */
  readonly bytesEach: readonly number[]
}

/** All at once over one connection; each has to answer when all are there. */
export const manyIdle = (bench: Bench): Promise<ManyIdle> => {
  bench.manyIdle ??= measureMany(bench)
  return bench.manyIdle
}

async function measureMany(bench: Bench): Promise<ManyIdle> {
  const startMs = performance.now()
  const starts = await Promise.allSettled(idleInstances.map((instance) => start(bench, instance)))
  const elapsedMs = performance.now() - startMs
  const domains = starts.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []))
  try {
    for (const each of starts) if (each.status === "rejected") throw each.reason
    await Promise.all(domains.map((domain) => answer(bench, domain)))
    const pids = await tree((await bench.status()).pid)
    await idle(bench, pids)
    const shares = await Promise.all(pids.map(pssOf))
    const rows = await Promise.all(domains.map((domain) => bench.domain(domain)))
    const bytesEach = await Promise.all(rows.flatMap(({ pid }) => (pid === undefined ? [] : [pssOf(pid)])))
    return { startMs: elapsedMs, bytes: shares.reduce((sum, bytes) => sum + bytes, 0), bytesEach }
  } finally {
    await Promise.all(domains.map((domain) => stop(bench, domain)))
  }
}

const pssOf = async (pid: number) => parsePss(await readFile(`/proc/${pid}/smaps_rollup`, "utf8"))

async function start({ connection, context: { signal } }: Bench, instance = ""): Promise<string> {
  const { domain } = await connection.call(ADMIN.start, { instance }, { signal }).result
  return domain
}

async function stop({ connection }: Bench, domain: string): Promise<void> {
  await connection.call(ADMIN.stop, { domain, force: true }).result
}

async function answer({ connection, context: { signal } }: Bench, domain: string): Promise<void> {
  const command = {
    argv: ["true"],
    environment: [],
    terminal: undefined,
    workingDirectory: undefined,
    user: undefined,
    offersDescriptors: false,
  }
  const call = connection.call(ADMIN.exec, { domain, command }, { signal })
  call.stdin.end()
  call.stdout.resume()
  call.stderr.resume()
  const { exit } = await call.result
  if (exit.kind !== "code" || exit.code !== 0)
    throw new CliError("refused", `"true" failed in domain "${domain}"`)
}

/** Resolves when these processes together have had next to nothing to do for a while. */
async function idle({ context: { signal } }: Bench, pids: readonly number[]): Promise<void> {
  let before = await ticksOf(pids)
  for (const deadline = Date.now() + LIMITS.idleMs; Date.now() < deadline; ) {
    await setTimeout(LIMITS.idleWindowMs, undefined, { signal })
    const now = await ticksOf(pids)
    if (now - before <= LIMITS.idleTicks * pids.length) return
    before = now
  }
  throw new CliError("refused", `Domains were not idle within ${LIMITS.idleMs / 1000} s`)
}

async function ticksOf(pids: readonly number[]): Promise<number> {
  const stats = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/stat`, "utf8").then(parseStat)))
  return stats.reduce((sum, { ticks }) => sum + ticks, 0)
}

/** A process and all below it. */
async function tree(root: number): Promise<number[]> {
  const children = new Map<number, number[]>()
  for (const name of await readdir("/proc")) {
    const text = /^\d+$/.test(name)
      ? await readFile(`/proc/${name}/stat`, "utf8").catch(() => undefined)
      : undefined
    if (text === undefined) continue
    const { parent } = parseStat(text)
    children.set(parent, [...(children.get(parent) ?? []), Number(name)])
  }
  const found = [root]
  for (const pid of found) found.push(...(children.get(pid) ?? []))
  return found
}
