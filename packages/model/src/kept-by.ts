import type { KeepRule } from "./system.ts"

type Period = Exclude<keyof KeepRule, "last">

/** A period's name, of a time as UTC has it: versions fall into the same one wherever they are looked at. */
const PERIODS: Readonly<Record<Period, (time: Date) => string>> = {
  hourly: (time) => `${time.toISOString().slice(0, 13).replace("T", " ")}:00`,
  daily: (time) => time.toISOString().slice(0, 10),
  weekly: weekOf,
  monthly: (time) => time.toISOString().slice(0, 7),
  yearly: (time) => time.toISOString().slice(0, 4),
}

/**
 * Pure: for each time (milliseconds since 1970, in any order) why it is kept, such as "last" or "daily 2026-11-21"; empty:
 * nothing keeps it. Of each period its newest is kept, in as many of the newest periods that have any as the rule says.
 */
export function keptBy(times: readonly number[], rule: KeepRule): readonly string[] {
  const newestFirst = times.map((time, at) => ({ time, at })).sort((a, b) => b.time - a.time || b.at - a.at)
  const reasons: string[][] = times.map(() => [])
  for (const { at } of newestFirst.slice(0, rule.last)) reasons[at]?.push("last")
  for (const [period, nameOf] of Object.entries(PERIODS) as [Period, (time: Date) => string][]) {
    const seen = new Set<string>()
    for (const { time, at } of newestFirst) {
      if (seen.size >= rule[period]) break
      const name = nameOf(new Date(time))
      if (seen.has(name)) continue
      seen.add(name)
      reasons[at]?.push(`${period} ${name}`)
    }
  }
  return reasons.map((each) => each.join(", "))
}

/** ISO 8601: weeks begin on Monday, and belong to the year that their Thursday is in. */
function weekOf(time: Date): string {
  const thursday = new Date(Date.UTC(time.getUTCFullYear(), time.getUTCMonth(), time.getUTCDate()))
  thursday.setUTCDate(thursday.getUTCDate() + 3 - ((thursday.getUTCDay() + 6) % 7))
  const year = thursday.getUTCFullYear()
  const week = 1 + Math.floor((thursday.getTime() - Date.UTC(year, 0, 1)) / (7 * 86_400_000))
  return `${year}-W${String(week).padStart(2, "0")}`
}
