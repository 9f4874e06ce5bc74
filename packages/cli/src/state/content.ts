import { type DiffRow, type EntryRow, STATE_METHODS } from "@skerry/rpc"
import { CliError } from "../cli-error.ts"
import { readRows } from "../client-lines.ts"
import type { CommandContext } from "../command.ts"
import { showBytes } from "../render/amount.ts"
import { localTime } from "../render/time.ts"
import { write } from "../render/write.ts"
import { openState } from "./open-state.ts"
import { printFile } from "./print-file.ts"
import { parsePath, shownPath } from "./shown-path.ts"
import { resolveTree } from "./tree-of.ts"
import { isVersion, parseVersion, readVersions } from "./versions.ts"

interface ShowOptions {
  readonly deep: boolean
  readonly cat: boolean
  readonly base64: boolean
  readonly json: boolean
}

export async function show(
  context: CommandContext,
  name: string,
  words: readonly [string, string],
  options: ShowOptions,
): Promise<number> {
  const [versionWord, pathWord] = whichWords(words)
  if (options.cat && pathWord === "") throw new CliError("usage", "--cat takes the PATH of a file")
  const version = parseVersion(versionWord)
  const path = parsePath(pathWord, options.base64)
  const tree = await resolveTree(context, name)
  const connection = await openState(context)
  if (options.cat) return printFile(context, connection, { tree, version, path })
  const params = { tree, version, path, deep: options.deep }
  const rows = readRows<typeof params, EntryRow>(connection, STATE_METHODS.stateShow, params, context.signal)
  for await (const row of rows) {
    await write(context.stdout, options.json ? `${JSON.stringify(row)}\n` : entryLine(row))
  }
  return 0
}

/** One word that cannot be a version is a path, of now. */
function whichWords([first, second]: readonly [string, string]): readonly [string, string] {
  return second === "" && first !== "" && !isVersion(first) ? ["", first] : [first, second]
}

/** drwxr-xr-x  12.3 MB  2026-11-21 11:12:28  Documents/ */
export function entryLine(row: EntryRow): string {
  const size = row.kind === "file" ? showBytes(row.size) : ""
  return `${modeWords(row)}  ${size.padStart(7)}  ${localTime(row.modifyTime)}  ${nameWords(row)}\n`
}

const KIND_LETTERS = { file: "-", directory: "d", symlink: "l" } as const

function modeWords({ kind, mode }: EntryRow): string {
  const letters = [..."rwxrwxrwx"].map((letter, at) => ((mode >> (8 - at)) & 1 ? letter : "-"))
  return `${KIND_LETTERS[kind]}${letters.join("")}`
}

function nameWords(row: EntryRow): string {
  const shown = shownPath(row)
  if (row.kind === "directory") return shown.endsWith("/") ? shown : `${shown}/`
  return row.target === undefined ? shown : `${shown} → ${shownPath({ path: row.target })}`
}

const CHANGES: Readonly<Record<DiffRow["change"], string>> = {
  added: "added     ",
  removed: "removed   ",
  changed: "changed   ",
  attributes: "attributes",
}

export const diffLine = (row: DiffRow): string =>
  `${CHANGES[row.change]}  ${shownPath(row)}${row.kind === "directory" ? "/" : ""}\n`

/** Status 0 also where something changed: it is no comparison that fails. */
export async function diff(
  context: CommandContext,
  name: string,
  fromWord: string,
  toWord: string,
  asJson: boolean,
): Promise<number> {
  const { stdout, stderr, signal } = context
  const to = parseVersion(toWord)
  let from = parseVersion(fromWord)
  const tree = await resolveTree(context, name)
  const connection = await openState(context)
  if (fromWord === "") {
    const newest = (await readVersions(connection, tree, signal)).at(-1)
    if (newest === undefined)
      throw new CliError("refused", `There is no version of ${tree} yet to compare with`)
    from = String(newest.version)
    stderr.write(`Since version ${from} of ${localTime(newest.time)}:\n`)
  }
  const params = { tree, from, to }
  let count = 0
  for await (const row of readRows<typeof params, DiffRow>(
    connection,
    STATE_METHODS.stateDiff,
    params,
    signal,
  )) {
    count += 1
    await write(stdout, asJson ? `${JSON.stringify(row)}\n` : diffLine(row))
  }
  if (count === 0) stderr.write("Nothing has changed\n")
  return 0
}
