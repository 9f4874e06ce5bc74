import { isAbsolute, normalize, resolve } from "node:path"
import { quoted } from "@skerry/model"
import { ADMIN, type Connection, DIRECTORY_LIMITS, type DirectoryGrantRow } from "@skerry/rpc"
import { CliError } from "../cli-error.ts"
import { allOf, readRows } from "../client-lines.ts"
import { table } from "../render/table.ts"
import { localTime } from "../render/time.ts"

/** As it is shown and taken: d3. Answers that are remembered have numbers without a letter. */
export const shownId = (id: number): string => `d${id}`

/** Undefined: it is none. */
export function parseDirectoryId(word: string): number | undefined {
  return /^d[1-9]\d{0,8}$/.test(word) ? Number(word.slice(1)) : undefined
}

export const directoryGrants = (
  connection: Connection,
  signal: AbortSignal,
): Promise<readonly DirectoryGrantRow[]> =>
  allOf(readRows<undefined, DirectoryGrantRow>(connection, ADMIN.listDirectoryGrants, undefined, signal))

/** A path of this machine as it was typed, which the shell has rid of "~"; the daemon refuses symlinks in it. */
export function hostPath(word: string, cwd: string): string {
  if (word === "" || word.includes("\0")) throw new CliError("usage", `${quoted(word)} is no path`)
  const path = isAbsolute(word) ? normalize(word) : resolve(cwd, word)
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }

/** "90m" and its like as seconds; undefined: 0, until it is revoked. */
export function parseDuration(word: string | undefined): number {
  if (word === undefined) return 0
  const [, count, unit = ""] = /^(\d{1,9})([smhd])$/.exec(word) ?? []
  const seconds = Number(count ?? "0") * (UNITS[unit] ?? 0)
  if (seconds >= 1 && seconds <= DIRECTORY_LIMITS.seconds) return seconds
  throw new CliError("usage", `Cannot grant for ${quoted(word)}: use 30s, 90m, 1h or 2d, and a year at most`)
}

export function directoryTable(rows: readonly DirectoryGrantRow[]): string {
  return table(rows, [
    { title: "ID", cell: ({ id }) => shownId(id) },
    { title: "INSTANCE", cell: ({ instance }) => instance },
    { title: "MAY", cell: ({ access }) => access },
    { title: "PATH", cell: ({ path, kind }) => (kind === "directory" ? `${path}/` : path) },
    { title: "APPEARS AT", cell: ({ at }) => at },
    {
      title: "GOOD",
      cell: ({ until }) => (until === undefined ? "until revoked" : `until ${localTime(until)}`),
    },
    { title: "NOW", cell: ({ domain }) => (domain === undefined ? "not running" : "there") },
  ])
}
