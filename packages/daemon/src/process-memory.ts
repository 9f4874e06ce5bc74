import { readdir, readFile } from "node:fs/promises"

/** Deeper or more than any domain is: a bound for what is read while it changes. */
const MAX_PROCESSES = 10_000

/**
 * The share that a process and all its descendants have of the host's memory: shared pages count for each process by
 * its part. Undefined where the host does not say.
 */
export async function proportionalBytes(pid: number): Promise<number | undefined> {
  const family = [pid]
  let bytes: number | undefined
  for (let at = 0; at < Math.min(family.length, MAX_PROCESSES); at++) {
    const member = family[at] ?? pid
    const own = await ownBytes(member)
    if (own !== undefined) bytes = (bytes ?? 0) + own
    family.push(...(await childrenOf(member)))
  }
  return bytes
}

async function ownBytes(pid: number): Promise<number | undefined> {
  try {
    return parsePss(await readFile(`/proc/${pid}/smaps_rollup`, "utf8"))
  } catch {
    return undefined // it has ended, or runs under an account that we may not look into
  }
}

/** Of all its threads: a child belongs to the one that made it. */
async function childrenOf(pid: number): Promise<number[]> {
  try {
    const threads = await readdir(`/proc/${pid}/task`)
    const lists = await Promise.all(
      threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/children`, "utf8").catch(() => "")),
    )
    return lists.join("").split(" ").filter(Boolean).map(Number)
  } catch {
    return [] // it has ended
  }
}

export function parsePss(smapsRollup: string): number | undefined {
  const kibibytes = /^Pss:\s+(\d+) kB$/m.exec(smapsRollup)?.[1]
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1024
}
