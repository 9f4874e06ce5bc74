import { type Connection, STATE_METHODS, type VersionRow } from "@skerry/rpc"
import { CliError } from "../cli-error.ts"
import { allOf, readRows } from "../client-lines.ts"
import { countOf, showBytes } from "../render/amount.ts"
import { localTime } from "../render/time.ts"

/** The word for what is there now, which no version holds yet. */
const NOW = "now"
const DIGEST = /^(?:sha256:)?([0-9a-f]{8,64})$/

/** Could this word name a version? What could not is a path. */
export const isVersion = (word: string): boolean =>
  word === NOW || /^\d{1,9}$/.test(word) || DIGEST.test(word)

/** As the protocol has it: "" is now. Throws CliError "usage". */
export function parseVersion(word: string): string {
  if (word === "" || word === NOW) return ""
  if (/^[1-9]\d{0,8}$/.test(word)) return word
  const [, digits] = DIGEST.exec(word) ?? []
  if (digits !== undefined) return digits
  throw new CliError(
    "usage",
    `${JSON.stringify(word)} is no version: write its number as "skerry state log" shows it, 8 or more digits of its digest, or now`,
  )
}

export async function readVersions(
  connection: Connection,
  tree: string,
  signal: AbortSignal,
): Promise<readonly VersionRow[]> {
  return await allOf(
    readRows<{ tree: string }, VersionRow>(connection, STATE_METHODS.stateLog, { tree }, signal),
  )
}

/** Undefined: none, or several. `version` is as parseVersion gives it. */
export function findVersion(rows: readonly VersionRow[], version: string): VersionRow | undefined {
  const byNumber = rows.find((row) => String(row.version) === version)
  if (byNumber !== undefined || version.length < 8) return byNumber
  const found = rows.filter(({ digest }) => hexOf(digest).startsWith(version))
  return found.length === 1 ? found[0] : undefined
}

export const hexOf = (digest: string): string => digest.replace(/^sha256:/, "")

/** version 12 of 2026-11-21 11:12:28 (120 files, 27.0 MB) */
export const versionWords = ({ version, time, files, bytes }: VersionRow): string =>
  `version ${version} of ${localTime(time)} (${countOf(files, "file")}, ${showBytes(bytes)})`
