import { readdirSync } from "node:fs"
import { join } from "node:path"

/* Files of the log: 000001.jsonl, 000002.jsonl, …, and head. The key lies beside their directory. */

export const auditDirectory = (state: string): string => join(state, "audit")
export const keyPath = (state: string): string => join(state, "audit.key")
export const headPath = (state: string): string => join(auditDirectory(state), "head")

export const fileName = (number: number): string => `${String(number).padStart(6, "0")}.jsonl`
export const filePath = (state: string, number: number): string =>
  join(auditDirectory(state), fileName(number))

/** Numbers of the files that are there, in order. */
export function listFiles(state: string): number[] {
  const names = readdirSync(auditDirectory(state))
  return names
    .flatMap((name) => /^(\d{6,})\.jsonl$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b)
}
