import { writeFileSync } from "node:fs"
import { resolve } from "node:path"
import { nearMatch, quoted } from "@skerry/model"
import { CliError } from "../cli-error.ts"
import { defineCommand } from "../command.ts"
import { showJson } from "../render/table.ts"

const DEFAULT_RUNS = "10"
const MOST_RUNS = 1000

export const command = defineCommand({
  name: "bench",
  summary: "Measure how fast domains start and what they cost, beside the alternatives",
  description: [
    "Whole commands as a person runs them, in a Skerry of its own: your domains and settings are left alone, images are shared. Each sample stands beside one of `node -e 0`, measured right before it, because times on a shared machine drift: compare ratios, not seconds.",
    "All rows take several minutes. The status is 0 also where a bar was missed, and 1 where a row could not be measured.",
  ],
  arguments: [],
  options: {
    rows: { kind: "value", placeholder: "A,B", summary: "Only these rows, by the names in the first column" },
    runs: {
      kind: "value",
      placeholder: "N",
      summary: `Samples of each row (${DEFAULT_RUNS}); the table shows medians`,
    },
    json: { kind: "value", placeholder: "FILE", complete: "file", summary: "Write every sample there, too" },
    strict: { kind: "flag", summary: "Status 1 also where a bar was missed" },
  },
  examples: [
    { command: "skerry bench", summary: "Every row, ten times each" },
    { command: "skerry bench --rows version,run --runs 20", summary: "How long a command takes" },
    { command: "skerry bench --json bench.json --strict", summary: "For a machine that watches" },
  ],
  async run(context, { options }) {
    const [{ Bench }, { ROWS }, { chosenRows, judge }] = await Promise.all([
      import("../bench/bench.ts"),
      import("../bench/rows.ts"),
      import("../bench/row.ts"),
    ])
    const [{ measureRows }, { measuredHost }, { isMissed, renderBench }, { Progress }] = await Promise.all([
      import("../bench/measure-rows.ts"),
      import("../bench/host.ts"),
      import("../bench/render.ts"),
      import("../render/progress.ts"),
    ])
    const runs = parseRuns(options.runs ?? DEFAULT_RUNS)
    const known = ROWS.map(({ name }) => name)
    const rows = options.rows === undefined ? ROWS : chosenRows(ROWS, parseRows(options.rows, known))

    await using bench = new Bench(context)
    using progress = new Progress(context.stderr, Date.now)
    const samples = await measureRows(bench, rows, runs, progress.onProgress)
    const usedDomains = rows.some(({ standby }) => standby !== undefined)
    const result = { host: await measuredHost(bench, usedDomains), runs, rows: judge(rows, samples) }
    if (options.json !== undefined) writeFileSync(resolve(context.cwd, options.json), showJson(result))
    context.stdout.write(renderBench(result))
    const hasFailed = result.rows.some(({ samples: { kind } }) => kind === "failed")
    return hasFailed || (options.strict && result.rows.some(isMissed)) ? 1 : 0
  },
})

function parseRuns(word: string): number {
  const runs = Number(word)
  if (/^[0-9]+$/.test(word) && runs >= 1 && runs <= MOST_RUNS) return runs
  throw new CliError(
    "usage",
    `Cannot measure ${quoted(word)} times: --runs takes a number from 1 to ${MOST_RUNS}`,
  )
}

function parseRows(list: string, known: readonly string[]): ReadonlySet<string> {
  const names = list.split(",")
  for (const name of names) {
    if (known.includes(name)) continue
    const near = nearMatch(name, known)
    throw new CliError(
      "usage",
      `There is no row ${quoted(name)}: ${near === undefined ? `choose of ${known.join(", ")}` : `did you mean ${near}?`}`,
    )
  }
  return new Set(names)
}
