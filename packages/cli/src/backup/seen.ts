import { readFile } from "node:fs/promises"
import type { Chain } from "./chain.ts"
import { BackupError } from "./errors.ts"

/*
 * What this machine has seen of its backups: a small record in Skerry's own state. A folder that was put back to an
 * earlier point in time is whole in itself; only somebody who remembers can tell.
 */

interface Seen {
  readonly sequence: number
  readonly mac: string
  /** Number of the newest backup. */
  readonly newest: number
  /** Milliseconds since 1970. */
  readonly time: number
  readonly place: string
}

type SeenBackups = Readonly<Record<string, Seen>>

const RECORD_BYTES = 1024 * 1024
const MOST_BACKUPS = 1000

async function readSeen(path: string): Promise<SeenBackups> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "{}"
    throw error
  })
  try {
    if (text.length > RECORD_BYTES) throw new Error("it is too long")
    return JSON.parse(text) as SeenBackups
  } catch (cause) {
    throw new BackupError("io", `Cannot read ${path}, which says what was backed up from here: remove it`, {
      cause,
    })
  }
}

/** Says what is wrong with what is there now; undefined: nothing that is known here. */
export async function whyOlder(
  path: string,
  id: string,
  place: string,
  chain: Chain,
): Promise<string | undefined> {
  const all = await readSeen(path)
  const seen = all[id]
  if (seen === undefined) {
    const other = Object.values(all).find((each) => each.place === place)
    if (other === undefined) return undefined
    return `${place} held another backup when it was last used from here (backup ${other.newest} of ${day(other.time)}), which is not there any more`
  }
  const last = `backup ${seen.newest} of ${day(seen.time)}`
  if (chain.sequence < seen.sequence) {
    const newest = chain.backups.at(-1)
    const now = newest === undefined ? "no backup at all" : `backup ${newest.number} of ${day(newest.time)}`
    return `${place} is at an older point in time: it had ${last} when it was last used from here, and now the newest is ${now}. It is an old copy, or backups were taken away`
  }
  const mac = chain.macs.get(seen.sequence)
  if (mac === undefined || mac === seen.mac) return undefined
  return `${place} does not continue what was there when it was last used from here (${last}): another copy of it was written to`
}

export async function remember(
  path: string,
  { id, place, chain }: { readonly id: string; readonly place: string; readonly chain: Chain },
  writeDurably: (path: string, content: string) => Promise<void>,
): Promise<void> {
  const newest = chain.backups.at(-1)
  if (chain.mac === undefined || newest === undefined) return
  const seen: Seen = {
    sequence: chain.sequence,
    mac: chain.mac,
    newest: newest.number,
    time: newest.time,
    place,
  }
  const { [id]: _, ...others } = await readSeen(path)
  const kept = Object.entries(others).slice(-MOST_BACKUPS)
  await writeDurably(path, `${JSON.stringify(Object.fromEntries([...kept, [id, seen]]))}\n`)
}

const day = (time: number) => new Date(time).toISOString().slice(0, 16).replace("T", " ")
