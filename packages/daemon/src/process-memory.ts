import { readFile } from "node:fs/promises"

/** A process's share of the host's memory: shared pages count for each process by its part. Undefined where the host does not say. */
export async function proportionalBytes(pid: number): Promise<number | undefined> {
  try {
    return parsePss(await readFile(`/proc/${pid}/smaps_rollup`, "utf8"))
  } catch {
    return undefined // it has ended, or runs under an account that we may not look into
  }
}

export function parsePss(smapsRollup: string): number | undefined {
  const kibibytes = /^Pss:\s+(\d+) kB$/m.exec(smapsRollup)?.[1]
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1024
}
