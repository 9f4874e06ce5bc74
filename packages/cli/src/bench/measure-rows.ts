import type { OnProgress } from "@skerry/model"
import type { Bench } from "./bench.ts"
import type { Row, Samples } from "./row.ts"

interface Measuring {
  readonly row: Row
  readonly values: number[]
  readonly yardstick: number[]
  outcome: Exclude<Samples, { kind: "measured" }> | undefined
}

const STEP = "bench"

/**
 * Rows with the same pool are measured in turn, one sample of each per round, so that none of them has the quiet
 * minute of a shared machine for itself. A row that fails is given up, and the others go on.
 */
export async function measureRows(
  bench: Bench,
  rows: readonly Row[],
  runs: number,
  onProgress: OnProgress,
): Promise<ReadonlyMap<string, Samples>> {
  const all = rows.map((row): Measuring => ({ row, values: [], yardstick: [], outcome: undefined }))
  for (const standby of [0, 1] as const) {
    const group = all.filter(({ row }) => (row.standby ?? 0) === standby)
    if (group.length > 0) await measureGroup(bench, group, { standby, runs, onProgress })
  }
  return new Map(
    all.map(({ row, values, yardstick, outcome }) => [
      row.name,
      outcome ?? { kind: "measured", values, yardstick },
    ]),
  )
}

async function measureGroup(
  bench: Bench,
  group: readonly Measuring[],
  { standby, runs, onProgress }: { standby: 0 | 1; runs: number; onProgress: OnProgress },
): Promise<void> {
  const needsDomains = group.some(({ row }) => row.standby !== undefined)
  if (needsDomains) await bench.useDomains(standby)
  for (const each of group) {
    const why = each.row.absent?.(bench)
    if (why !== undefined) each.outcome = { kind: "absent", why }
  }
  const repeated = group.filter(({ row, outcome }) => row.once !== true && outcome === undefined)
  const once = group.filter(({ row, outcome }) => row.once === true && outcome === undefined)
  const total = repeated.length * runs + once.length
  const pool = standby === 0 ? "" : `, ${standby} standing by`
  onProgress({ kind: "begin", step: STEP, label: `Measuring${pool}`, unit: "items", total })
  let done = 0
  const take = async (each: Measuring) => {
    await sample(bench, each)
    onProgress({ kind: "advance", step: STEP, done: ++done })
  }
  for (let round = 0; round < runs; round++) for (const each of repeated) await take(each)
  for (const each of once) await take(each)
  onProgress({
    kind: "end",
    step: STEP,
    note: [...repeated, ...once].map(({ row }) => row.name).join(", ") || "nothing",
  })
}

async function sample(bench: Bench, measuring: Measuring): Promise<void> {
  const { row, values, yardstick } = measuring
  if (measuring.outcome !== undefined) return
  const { signal } = bench.context
  try {
    await bench.quiet()
    const beside = row.yardstick?.sample(bench)
    const value = await row.sample(bench)
    values.push(value)
    if (beside !== undefined) yardstick.push(beside)
  } catch (error) {
    signal.throwIfAborted()
    measuring.outcome = { kind: "failed", why: error instanceof Error ? error.message : String(error) }
  }
  // A command that Ctrl-C ended looks like one that failed; the signal's turn comes with the event loop's.
  await new Promise(setImmediate)
  signal.throwIfAborted()
}
