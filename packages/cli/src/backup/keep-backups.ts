import { keptVersions } from "@skerry/files/keep-rule"
import { printable } from "@skerry/model"
import { CliError } from "../cli-error.ts"
import type { CommandContext } from "../command.ts"
import { showBytes } from "../render/amount.ts"
import { Progress } from "../render/progress.ts"
import { showJson, table } from "../render/table.ts"
import { localTime } from "../render/time.ts"
import { keepRuleOf } from "../state/prune.ts"
import { isAgreed } from "../terminal/ask-yes.ts"
import type { Backup } from "./manifest.ts"
import { askPassphrase, checkSeen, type OpenOptions, openPlaceFor, rememberSeen } from "./open-backup.ts"
import { pruneBackups } from "./prune.ts"
import { openVault } from "./vault.ts"
import { verifyBackup } from "./verify.ts"

/* What `skerry backup` does with backups that are there: list, verify, prune. */

interface CommonOptions extends OpenOptions {
  readonly quiet: boolean
  readonly json: boolean
}

export async function listBackups(
  context: CommandContext,
  word: string,
  options: CommonOptions,
): Promise<number> {
  const passphrase = await askPassphrase(context, options, false)
  await using place = await openPlaceFor(context, word, "read")
  const vault = await openVault(place, passphrase)
  const { backups, broken } = vault.chain
  context.stdout.write(
    options.json
      ? showJson(backups)
      : backups.length === 0
        ? "No backup was finished here\n"
        : backupTable(backups),
  )
  const wrong = [broken, await checkSeen(context, word, vault)].filter((each) => each !== undefined)
  for (const each of wrong) context.stderr.write(`skerry backup: ${printable(each)}\n`)
  return wrong.length === 0 ? 0 : 1
}

export function backupTable(backups: readonly Backup[], whyOf?: (backup: Backup) => string): string {
  return table(backups, [
    { title: "BACKUP", align: "right", cell: ({ number }) => String(number) },
    { title: "TIME", cell: ({ time }) => localTime(time) },
    { title: "CONFIGURATION", cell: ({ configuration }) => configuration.slice(0, "sha256:".length + 12) },
    {
      title: "TREES",
      cell: ({ trees }) =>
        trees.map(({ tree, versions }) => `${tree} (${versions.length})`).join(" ") || "none",
    },
    ...(whyOf === undefined
      ? []
      : [{ title: "KEPT FOR", cell: (backup: Backup) => whyOf(backup) || "REMOVED" }]),
  ])
}

export async function verifyBackups(
  context: CommandContext,
  word: string,
  options: CommonOptions,
): Promise<number> {
  const passphrase = await askPassphrase(context, options, false)
  await using place = await openPlaceFor(context, word, "read")
  const vault = await openVault(place, passphrase)
  const { describeNode } = await import("@skerry/files/describe-node")
  using progress = options.quiet ? undefined : new Progress(context.stderr, context.now)
  const { signal } = context
  const report = await verifyBackup(vault, {
    describe: describeNode,
    onProgress: progress?.onProgress ?? (() => {}),
    signal,
  })
  progress?.[Symbol.dispose]()
  const older = await checkSeen(context, word, vault)
  const problems =
    older === undefined ? report.problems : [...report.problems, { problem: older, backups: [] }]
  if (options.json) context.stdout.write(showJson({ ...report, problems }))
  else {
    for (const { problem, backups } of problems) {
      const touched = backups.length === 0 ? "" : ` (backups that cannot be restored: ${backups.join(", ")})`
      context.stdout.write(`${printable(problem)}${touched}\n`)
    }
    if (report.unlisted > 0) {
      context.stdout.write(
        `${report.unlisted} files belong to no backup: one was cut (the next goes on from them), or its manifest was taken away\n`,
      )
    }
    const found = problems.length === 0 ? "all good" : `${problems.length} problems`
    context.stdout.write(
      `${vault.chain.backups.length} backups, ${report.objects} objects, ${showBytes(report.bytes)}: ${found}\n`,
    )
  }
  return problems.length === 0 ? 0 : 1
}

export type PruneOptions = CommonOptions &
  Parameters<typeof keepRuleOf>[0] & { readonly "dry-run": boolean; readonly yes: boolean }

export async function pruneBackup(
  context: CommandContext,
  word: string,
  options: PruneOptions,
): Promise<number> {
  const rule = keepRuleOf(options)
  if (rule === undefined)
    throw new CliError("usage", "Say what to keep: --keep-last 10 --keep-daily 14, for instance")
  const passphrase = await askPassphrase(context, options, false)
  await using place = await openPlaceFor(context, word, "read")
  const vault = await openVault(place, passphrase)
  const older = await checkSeen(context, word, vault)
  if (older !== undefined) throw new CliError("refused", older)
  const { backups } = vault.chain
  const reasons = keptVersions(
    backups.map(({ time, number }) => ({ time, version: number })),
    rule,
  )
  const whyOf = ({ number }: Backup) => reasons.get(number)?.join(", ") ?? ""
  const doomed = backups.filter((backup) => whyOf(backup) === "")
  if (doomed.length === backups.length && backups.length > 0) {
    throw new CliError(
      "refused",
      "That rule keeps no backup at all: remove the folder instead, if that is what you want",
    )
  }
  if (!options.json)
    context.stdout.write(backups.length === 0 ? "There are no backups\n" : backupTable(backups, whyOf))
  if (options["dry-run"] || doomed.length === 0) {
    if (options.json)
      context.stdout.write(
        showJson({ removed: [], wouldRemove: doomed.map(({ number }) => number), freedBytes: 0 }),
      )
    return 0
  }
  if (
    !(await isAgreed(context, options.yes, `Nothing brings a removed backup back. Remove ${doomed.length}?`))
  )
    return 1
  using progress = options.quiet ? undefined : new Progress(context.stderr, context.now)
  const { chain, removed, freedBytes } = await pruneBackups({
    vault,
    isKept: (backup) => whyOf(backup) !== "",
    onProgress: progress?.onProgress ?? (() => {}),
    signal: context.signal,
  })
  progress?.[Symbol.dispose]()
  await rememberSeen(context, word, vault.id, chain)
  context.stdout.write(
    options.json
      ? showJson({ removed, freedBytes })
      : `Removed ${removed.length} backups, which freed ${showBytes(freedBytes)}\n`,
  )
  return 0
}
