import { type Connection, type KeepRule, type PruneRow, STATE_METHODS } from "@skerry/rpc"
import { CliError } from "../cli-error.ts"
import { allOf, rowsOf } from "../client-lines.ts"
import type { CommandContext } from "../command.ts"
import { countOf, showBytes } from "../render/amount.ts"
import { Progress } from "../render/progress.ts"
import { table } from "../render/table.ts"
import { isAgreed } from "../terminal/ask-yes.ts"
import { openState } from "./open-state.ts"
import { resolveTree } from "./tree-of.ts"

const PERIODS = ["last", "hourly", "daily", "weekly", "monthly", "yearly"] as const

type KeepOptions = { readonly [P in (typeof PERIODS)[number] as `keep-${P}`]: string | undefined }

interface PruneOptions extends KeepOptions {
  readonly "dry-run": boolean
  readonly yes: boolean
  readonly json: boolean
}

const MOST_KEPT = 100_000

/** Undefined: nothing was said, which must not mean that nothing is kept. Throws CliError "usage". */
export function keepRuleOf(options: KeepOptions): KeepRule | undefined {
  if (PERIODS.every((period) => options[`keep-${period}`] === undefined)) return undefined
  const count = (period: (typeof PERIODS)[number]) => {
    const word = options[`keep-${period}`] ?? "0"
    if (/^\d{1,6}$/.test(word) && Number(word) <= MOST_KEPT) return Number(word)
    throw new CliError(
      "usage",
      `Cannot use ${JSON.stringify(word)} for --keep-${period}: write 0 to ${MOST_KEPT}`,
    )
  }
  return {
    last: count("last"),
    hourly: count("hourly"),
    daily: count("daily"),
    weekly: count("weekly"),
    monthly: count("monthly"),
    yearly: count("yearly"),
  }
}

export async function prune(
  context: CommandContext,
  name: string | undefined,
  options: PruneOptions,
): Promise<number> {
  const keep = keepRuleOf(options)
  if (keep === undefined) {
    throw new CliError("usage", "Say what to keep: --keep-last 10 --keep-daily 14, for instance")
  }
  const { stdout, stderr } = context
  const tree = name === undefined ? "" : await resolveTree(context, name)
  const connection = await openState(context)
  const found = await carryOut(context, connection, { tree, keep, dryRun: true })
  if (!options.json)
    stdout.write(found.rows.length === 0 ? "There are no versions\n" : pruneTable(found.rows))
  const doomed = found.rows.filter(({ isKept }) => !isKept)
  if (options["dry-run"] || doomed.length === 0) {
    if (options.json) for (const row of found.rows) stdout.write(`${JSON.stringify(row)}\n`)
    else if (doomed.length === 0) stdout.write("Every version is kept\n")
    else
      stdout.write(
        `${amountOf(doomed.length)} would be removed, which frees about ${showBytes(found.freed)}\n`,
      )
    return 0
  }
  const question = `Nothing brings a removed version back but a backup.\nRemove ${amountOf(doomed.length)}?`
  if (!(await isAgreed(context, options.yes, question))) return 1
  using progress = new Progress(stderr, context.now)
  const { removed, freed, rows } = await carryOut(
    context,
    connection,
    { tree, keep, dryRun: false },
    progress,
  )
  if (options.json) {
    for (const row of rows) stdout.write(`${JSON.stringify(row)}\n`)
    stdout.write(`${JSON.stringify({ removed, freedBytes: freed })}\n`)
  } else stdout.write(`Removed ${amountOf(removed)}, which freed ${showBytes(freed)}\n`)
  return 0
}

const amountOf = (versions: number) => countOf(versions, "version")

interface Pruned {
  readonly rows: readonly PruneRow[]
  readonly removed: number
  readonly freed: number
}

async function carryOut(
  { signal }: CommandContext,
  connection: Connection,
  params: { readonly tree: string; readonly keep: KeepRule; readonly dryRun: boolean },
  progress?: Progress,
): Promise<Pruned> {
  const step = "prune"
  progress?.onProgress({ kind: "begin", step, label: "Remove what no version holds", unit: "items" })
  const call = connection.call(STATE_METHODS.statePrune, params, {
    signal,
    onEvent: ({ done, total }) =>
      progress?.onProgress({ kind: "advance", step, done: Number(done), total: Number(total) }),
  })
  const rows = await allOf(rowsOf<PruneRow, unknown>(call))
  const { removed, freedBytes } = await call.result
  progress?.onProgress({ kind: "end", step })
  return { rows, removed, freed: Number(freedBytes) }
}

export function pruneTable(rows: readonly PruneRow[]): string {
  return table(rows, [
    { title: "TREE", cell: ({ tree }) => tree },
    { title: "VERSION", align: "right", cell: ({ version }) => String(version) },
    { title: "", cell: ({ isKept }) => (isKept ? "kept" : "REMOVED") },
    { title: "WHY", cell: ({ why }) => why },
  ])
}
