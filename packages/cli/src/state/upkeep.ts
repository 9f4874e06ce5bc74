import { type DamageRow, STATE_METHODS, type TreeRow, type UsageRow } from "@skerry/rpc"
import { CliError } from "../cli-error.ts"
import { allOf, readRows, rowsOf } from "../client-lines.ts"
import type { CommandContext } from "../command.ts"
import { countOf, parseSize, showBytes } from "../render/amount.ts"
import { Progress } from "../render/progress.ts"
import { table } from "../render/table.ts"
import { write } from "../render/write.ts"
import { isAgreed } from "../terminal/ask-yes.ts"
import { openState } from "./open-state.ts"
import { shownPath } from "./shown-path.ts"
import { resolveTree } from "./tree-of.ts"

/** Status 1 where something is damaged. */
export async function verify(context: CommandContext, asJson: boolean): Promise<number> {
  const { stdout, signal } = context
  const connection = await openState(context)
  const rows: DamageRow[] = []
  const { objects, damaged } = await (async () => {
    using progress = new Progress(context.stderr, context.now)
    const step = "verify"
    progress.onProgress({ kind: "begin", step, label: "Read all of the store", unit: "items" })
    const call = connection.call(STATE_METHODS.stateVerify, undefined, {
      signal,
      onEvent: ({ done, total }) =>
        progress.onProgress({ kind: "advance", step, done: Number(done), total: Number(total) }),
    })
    const found = rowsOf<DamageRow, Awaited<typeof call.result>>(call)
    for (;;) {
      const next = await found.next()
      if (next.done === true) {
        progress.onProgress({ kind: "end", step })
        return next.value
      }
      rows.push(next.value)
    }
  })()
  for (const row of rows) await write(stdout, asJson ? `${JSON.stringify(row)}\n` : damageText(row))
  if (asJson) stdout.write(`${JSON.stringify({ objects: Number(objects), damaged: Number(damaged) })}\n`)
  else if (damaged === 0n && rows.length === 0) {
    stdout.write(`All is as it should be (objects: ${objects})\n`)
  } else {
    stdout.write(
      `DAMAGED: ${damaged} of ${objects} objects. Versions that are not named above are whole; bring damaged files back from one of them with "skerry state restore", or from a backup.\n`,
    )
  }
  return damaged === 0n && rows.length === 0 ? 0 : 1
}

export function damageText({ problem, tree, versions, path }: DamageRow): string {
  const words = table([problem], [{ title: "", cell: (text) => text }]).trim()
  if (tree === "") return `${words}: no version needs it\n`
  const numbers = versions.map((version) => (version === 0 ? "now" : String(version)))
  const where = numbers.length === 0 ? "" : ` (versions: ${numbers.join(", ")})`
  return `${words}: ${tree}, ${shownPath({ path })}${where}\n`
}

export async function du(context: CommandContext, name: string, asJson: boolean): Promise<number> {
  const tree = await resolveTree(context, name)
  const connection = await openState(context)
  const params = { tree }
  const rows = await allOf(
    readRows<typeof params, UsageRow>(connection, STATE_METHODS.stateDu, params, context.signal),
  )
  if (asJson) for (const row of rows) await write(context.stdout, `${JSON.stringify(row)}\n`)
  else {
    context.stdout.write(
      table(rows, [
        {
          title: "VERSION",
          align: "right",
          cell: ({ version }) => (version === 0 ? "now" : String(version)),
        },
        { title: "FILES", align: "right", cell: ({ files }) => String(files) },
        { title: "SIZE", align: "right", cell: ({ bytes }) => showBytes(bytes) },
        { title: "FREED BY REMOVING IT", align: "right", cell: ({ ownBytes }) => showBytes(ownBytes) },
      ]),
    )
  }
  return 0
}

export async function trees(context: CommandContext, asJson: boolean): Promise<number> {
  const connection = await openState(context)
  const rows = await allOf(
    readRows<undefined, TreeRow>(connection, STATE_METHODS.stateTrees, undefined, context.signal),
  )
  if (asJson) for (const row of rows) await write(context.stdout, `${JSON.stringify(row)}\n`)
  else if (rows.length === 0) context.stdout.write("Nothing is kept yet\n")
  else context.stdout.write(treeTable(rows))
  return 0
}

export function treeTable(rows: readonly TreeRow[]): string {
  return table(rows, [
    { title: "TREE", cell: ({ tree }) => tree },
    { title: "FILES", align: "right", cell: ({ files }) => String(files) },
    { title: "SIZE", align: "right", cell: ({ bytes }) => showBytes(bytes) },
    { title: "AT MOST", cell: quotaWords },
    { title: "VERSIONS", align: "right", cell: ({ versions }) => String(versions) },
    { title: "IN USE BY", align: "right", cell: ({ clients }) => (clients === 0 ? "" : String(clients)) },
  ])
}

function quotaWords({ quotaBytes, quotaFiles }: TreeRow): string {
  const bytes = quotaBytes === 0 ? [] : [showBytes(quotaBytes)]
  return [...bytes, ...(quotaFiles === 0 ? [] : [`${quotaFiles} files`])].join(", ")
}

interface QuotaOptions {
  readonly size: string | undefined
  readonly files: string | undefined
}

/** What is not said stays as it is. */
export async function quota(
  context: CommandContext,
  name: string,
  { size, files }: QuotaOptions,
): Promise<number> {
  if (size === undefined && files === undefined) {
    throw new CliError("usage", 'Say how much: --size 2GB, --files 100000, or "none" for no bound')
  }
  const tree = await resolveTree(context, name)
  const connection = await openState(context)
  const { signal } = context
  const rows = await allOf(
    readRows<undefined, TreeRow>(connection, STATE_METHODS.stateTrees, undefined, signal),
  )
  const present = rows.find((row) => row.tree === tree)
  const bytes = size === undefined ? (present?.quotaBytes ?? 0) : boundOf("--size", size)
  const count = files === undefined ? (present?.quotaFiles ?? 0) : boundOf("--files", files)
  const params = { tree, bytes: BigInt(bytes), files: BigInt(count) }
  await connection.call(STATE_METHODS.stateSetQuota, params, { signal }).result
  const bounds = [bytes === 0 ? "" : showBytes(bytes), count === 0 ? "" : countOf(count, "file")]
  const words = bounds.filter((word) => word !== "").join(" and ")
  context.stdout.write(words === "" ? `${tree} has no bound of its own\n` : `${tree} has at most ${words}\n`)
  return 0
}

function boundOf(option: string, word: string): number {
  if (word === "none") return 0
  const amount = option === "--size" ? parseSize(word) : /^\d{1,12}$/.test(word) ? Number(word) : undefined
  if (amount !== undefined && amount > 0) return amount
  throw new CliError(
    "usage",
    `Cannot use ${JSON.stringify(word)} for ${option}: write 500MB, 2GiB, 100000 or none`,
  )
}

export async function remove(context: CommandContext, name: string, yes: boolean): Promise<number> {
  const tree = await resolveTree(context, name)
  const connection = await openState(context)
  const { signal } = context
  const rows = await allOf(
    readRows<undefined, TreeRow>(connection, STATE_METHODS.stateTrees, undefined, signal),
  )
  const found = rows.find((row) => row.tree === tree)
  if (found === undefined) throw new CliError("refused", `Nothing is kept in a tree ${JSON.stringify(tree)}`)
  const what = `${countOf(found.files, "file")}, ${showBytes(found.bytes)}, and ${countOf(found.versions, "version")}`
  const question = `All of ${tree} is forgotten (${what}). Only a backup or an export ("skerry export ${tree} DIR") brings it back.\nRemove it?`
  if (!(await isAgreed(context, yes, question))) return 1
  await connection.call(STATE_METHODS.stateRemoveTree, { tree }, { signal }).result
  context.stdout.write(`${tree} is forgotten\n`)
  return 0
}
