import type { CommandContext } from "../command.ts"
import { showJson } from "../render/table.ts"
import { write } from "../render/write.ts"
import { type Audited, auditCurrent, auditGeneration, auditPath, auditWritten } from "./audited.ts"
import { type Difference, differences } from "./differences.ts"
import { accessText, differenceText } from "./render.ts"

interface AuditOptions {
  readonly evaluate: boolean
  readonly backup: string | undefined
  readonly "passphrase-file": string | undefined
  readonly json: boolean
}

export async function auditSource(
  context: CommandContext,
  word: string | undefined,
  options: AuditOptions,
): Promise<number> {
  const after = await readSource(context, word, options)
  const before = await auditCurrent(context)
  const found = before === undefined ? [] : differences(before.accesses, after.accesses)
  const text = options.json
    ? showJson({
        source: after.title,
        against: before?.title ?? null,
        differences: found,
        accesses: after.accesses.filter(({ weight }) => weight !== "detail"),
      })
    : auditText(before, after, found)
  await write(context.stdout, text)
  return 0
}

async function readSource(
  context: CommandContext,
  word: string | undefined,
  options: AuditOptions,
): Promise<Audited> {
  if (word === undefined) return auditWritten(context)
  if (/^[1-9][0-9]{0,8}$/.test(word)) return auditGeneration(context, Number(word))
  const { auditBackup, isBackup } = await import("./backup-source.ts")
  if (isBackup(context, word)) return auditBackup(context, word, options)
  return auditPath(context, word, options.evaluate)
}

/** Pure. */
export function auditText(before: Audited | undefined, after: Audited, found: readonly Difference[]): string {
  const changes =
    before === undefined
      ? "Nothing was built here yet, so all of it is new.\n"
      : found.length === 0
        ? `Nothing differs from ${before.title}, which is current.\n`
        : `What differs from ${before.title}, which is current:\n\n${differenceText(found, after.accesses)}`
  const granted = accessText(after.accesses)
  const everything =
    granted === ""
      ? "Nobody has access to anything.\n"
      : `Everything that ${after.title} gives access to:\n\n${granted}`
  return `${changes}\n${everything}`
}
