import { type Stats, statSync } from "node:fs"
import { isAbsolute, join } from "node:path"
import { CallFailure } from "@skerry/rpc"
import type { Account } from "./accounts.ts"
import { AGENT } from "./limits.ts"

/**
 * The file that argv[0] means: looked up in `path`, or as it is where it has a "/". Throws CallFailure "not-found" or
 * "not-executable", as a shell tells 127 from 126.
 */
export function findProgram(name: string, path: string, workingDirectory: string, account: Account): string {
  const files = name.includes("/")
    ? [name]
    : path.split(":", AGENT.pathEntries).map((entry) => `${entry}/${name}`)
  let refused: string | undefined
  for (const file of files) {
    const candidate = isAbsolute(file) ? file : join(workingDirectory, file)
    const stat = statIfAny(candidate)
    if (stat === undefined) continue
    if (stat.isFile() && mayExecute(stat, account)) return candidate
    refused ??= candidate
  }
  const shown = JSON.stringify(name)
  if (refused === undefined)
    throw new CallFailure("not-found", `Cannot run ${shown}: there is no such command here`)
  throw new CallFailure(
    "not-executable",
    `Cannot run ${shown}: ${JSON.stringify(refused)} is no program that ${account.name} may execute`,
  )
}

/** Throws CallFailure "bad-directory". */
export function checkDirectory(directory: string, account: Account): void {
  const stat = statIfAny(directory)
  if (stat?.isDirectory() && mayExecute(stat, account)) return
  const why = stat === undefined ? "it does not exist" : `it is no directory that ${account.name} may enter`
  throw new CallFailure("bad-directory", `Cannot run in ${JSON.stringify(directory)}: ${why}`)
}

/** A file that cannot be looked at is none: too long a name, a loop of links, a closed directory. */
function statIfAny(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })
  } catch {
    return undefined
  }
}

interface Permissions {
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

/** By mode bits: the agent asks for another account, so access(2) would answer for the wrong one. */
export function mayExecute(stat: Permissions, account: Account): boolean {
  if (account.uid === 0) return (stat.mode & 0o111) !== 0
  if (stat.uid === account.uid) return (stat.mode & 0o100) !== 0
  if (stat.gid === account.gid) return (stat.mode & 0o010) !== 0
  return (stat.mode & 0o001) !== 0
}
