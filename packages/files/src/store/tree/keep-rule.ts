import type { KeepRule, VersionRow } from "@skerry/rpc"

type Version = Pick<VersionRow, "time" | "version">

const DAY_MS = 24 * 60 * 60 * 1000

/** What a moment belongs to, by the clock of UTC: a rule means the same wherever it is applied. */
const PERIODS: Readonly<Record<Exclude<keyof KeepRule, "last">, (time: Date) => string>> = {
  hourly: (time) => `${time.toISOString().slice(0, 13).replace("T", " ")}h`,
  daily: (time) => time.toISOString().slice(0, 10),
  weekly: weekOf,
  monthly: (time) => time.toISOString().slice(0, 7),
  yearly: (time) => time.toISOString().slice(0, 4),
}

/**
 * Why each version is kept, "daily 2026-11-21" and so on; nothing for those that nothing keeps. Of each period the newest
 * version counts, and of the periods that have any, the newest so many.
 */
export function keptVersions(
  versions: readonly Version[],
  rule: KeepRule,
): ReadonlyMap<number, readonly string[]> {
  const newestFirst = versions.toSorted(
    (left, right) => right.time - left.time || right.version - left.version,
  )
  const kept = new Map<number, string[]>(versions.map(({ version }) => [version, []]))
  for (const { version } of newestFirst.slice(0, rule.last)) kept.get(version)?.push("last")
  for (const period of Object.keys(PERIODS) as (keyof typeof PERIODS)[]) {
    const seen = new Set<string>()
    for (const { time, version } of newestFirst) {
      const name = PERIODS[period](new Date(time))
      if (seen.has(name)) continue
      if (seen.size === rule[period]) break
      seen.add(name)
      kept.get(version)?.push(`${period} ${name}`)
    }
  }
  return kept
}

/** ISO 8601: a week belongs to the year that its Thursday is in. */
function weekOf(time: Date): string {
  const day = Math.floor(time.getTime() / DAY_MS)
  const thursday = new Date((day - ((day + 3) % 7) + 3) * DAY_MS)
  const newYear = Date.UTC(thursday.getUTCFullYear(), 0, 1)
  const week = Math.floor((thursday.getTime() - newYear) / DAY_MS / 7) + 1
  return `${thursday.getUTCFullYear()}-W${String(week).padStart(2, "0")}`
}
