import { plainly, quoted } from "@skerry/model"
import { STATE_LIMITS, STATE_METHODS, type VersionRow } from "@skerry/rpc"
import { CliError } from "../cli-error.ts"
import { readRows } from "../client-lines.ts"
import type { CommandContext } from "../command.ts"
import { showBytes } from "../render/amount.ts"
import { table } from "../render/table.ts"
import { localTime } from "../render/time.ts"
import { write } from "../render/write.ts"
import { isAgreed } from "../terminal/ask-yes.ts"
import { openState } from "./open-state.ts"
import { parsePath, pathOfBytes, shownPath } from "./shown-path.ts"
import { resolveTree } from "./tree-of.ts"
import { findVersion, hexOf, parseVersion, readVersions, versionWords } from "./versions.ts"

const SHOWN_DIGITS = 12

const REASONS: Readonly<Record<VersionRow["reason"], string>> = {
  manual: "by hand",
  stop: "domain stopped",
  interval: "while it ran",
  "before-rollback": "before going back",
  rollback: "gone back",
  import: "imported",
  restored: "brought back",
}

export async function log(context: CommandContext, name: string, asJson: boolean): Promise<number> {
  const { stdout, signal } = context
  const tree = await resolveTree(context, name)
  const connection = await openState(context)
  if (asJson) {
    const params = { tree }
    for await (const row of readRows<typeof params, VersionRow>(
      connection,
      STATE_METHODS.stateLog,
      params,
      signal,
    )) {
      await write(stdout, `${JSON.stringify(row)}\n`)
    }
    return 0
  }
  const rows = await readVersions(connection, tree, signal)
  stdout.write(rows.length === 0 ? `There is no version of ${tree} yet\n` : versionTable(rows))
  return 0
}

export function versionTable(rows: readonly VersionRow[]): string {
  return table(rows, [
    { title: "VERSION", align: "right", cell: ({ version }) => String(version) },
    { title: "MADE", cell: ({ time }) => localTime(time) },
    { title: "WHY", cell: ({ reason }) => REASONS[reason] ?? reason },
    { title: "FILES", align: "right", cell: ({ files }) => String(files) },
    { title: "SIZE", align: "right", cell: ({ bytes }) => showBytes(bytes) },
    { title: "DIGEST", cell: ({ digest }) => hexOf(digest).slice(0, SHOWN_DIGITS) },
    { title: "NOTE", cell: ({ note }) => note },
  ])
}

export async function snapshot(
  context: CommandContext,
  name: string,
  note = "",
  asJson: boolean,
): Promise<number> {
  if (Buffer.byteLength(note) > STATE_LIMITS.noteBytes) {
    throw new CliError("usage", `A note has at most ${STATE_LIMITS.noteBytes} bytes`)
  }
  const tree = await resolveTree(context, name)
  const connection = await openState(context)
  const params = { tree, reason: "manual", note } as const
  const { version, digest, isNew } = await connection.call(STATE_METHODS.stateSnapshot, params, {
    signal: context.signal,
  }).result
  if (asJson) context.stdout.write(`${JSON.stringify({ tree, version, digest, isNew })}\n`)
  else if (isNew) context.stdout.write(`Version ${version} of ${tree} holds it as it is now\n`)
  else context.stdout.write(`Nothing has changed since version ${version} of ${tree}\n`)
  return 0
}

interface AgreedOptions {
  readonly yes: boolean
  readonly json: boolean
}

export async function rollback(
  context: CommandContext,
  name: string,
  word: string,
  { yes, json }: AgreedOptions,
): Promise<number> {
  const version = parseVersion(word)
  if (version === "") throw new CliError("usage", "It is now already: name a version to go back to")
  const tree = await resolveTree(context, name)
  const connection = await openState(context)
  const found = findVersion(await readVersions(connection, tree, context.signal), version)
  if (found === undefined) throw unknownVersion(tree, word)
  const question = `${tree} becomes as it was at ${versionWords(found)}; what is there now is kept as a version first.\nGo back?`
  if (!(await isAgreed(context, yes, question))) return 1
  const params = { tree, version: String(found.version) }
  const done = await connection.call(STATE_METHODS.stateRollback, params, { signal: context.signal }).result
  context.stdout.write(
    json
      ? `${JSON.stringify({ tree, ...done })}\n`
      : `${tree} is as it was at version ${found.version}\nTo undo this: skerry state rollback ${name} ${done.kept}\n`,
  )
  return 0
}

export const unknownVersion = (tree: string, word: string): CliError =>
  new CliError("refused", `${tree} has no version ${quoted(word)}, or several: skerry state log ${tree}`)

interface RestoreOptions extends AgreedOptions {
  readonly version: string | undefined
  readonly to: string | undefined
  readonly base64: boolean
}

/** Nothing is asked: what was there is kept as a version, and the way back is said. */
export async function restore(
  context: CommandContext,
  name: string,
  word: string,
  { version: versionWord, to, base64, json }: RestoreOptions,
): Promise<number> {
  if (versionWord === undefined) {
    throw new CliError("usage", 'Say from where: --version N, as "skerry state log" shows it')
  }
  const path = parsePath(word, base64)
  const target = to === undefined ? path : parsePath(to, base64)
  if (path.length === 0) {
    throw new CliError("usage", 'Name a file or directory; all of it goes back with "skerry state rollback"')
  }
  const version = parseVersion(versionWord)
  const tree = await resolveTree(context, name)
  const connection = await openState(context)
  const params = { tree, version, path, to: target }
  const done = await connection.call(STATE_METHODS.stateRestorePath, params, { signal: context.signal })
    .result
  const shown = plainly(shownPath(pathOfBytes(target)))
  context.stdout.write(
    json
      ? `${JSON.stringify({ tree, ...done })}\n`
      : `${shown} of ${tree} is back, as it was at version ${versionWord}\nTo undo this: skerry state rollback ${name} ${done.kept}\n`,
  )
  return 0
}
