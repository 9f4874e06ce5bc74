/** Date and time where this program runs, to the second: 2026-11-21 11:12:28. */
export function localTime(ms: number): string {
  const date = new Date(ms)
  const two = (number: number) => String(number).padStart(2, "0")
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
}

const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** A point in time: "90m" and its like before `now`, or a date with or without a time. Undefined: neither. */
export function parseSince(word: string, now: number): number | undefined {
  const [, count, unit] = /^(\d{1,6})([smhd])$/.exec(word) ?? []
  if (count !== undefined && unit !== undefined) return now - Number(count) * (UNITS[unit] ?? 0)
  if (!/^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?)?$/.test(word)) return undefined
  const time = new Date(word.length === 10 ? `${word}T00:00` : word.replace(" ", "T")).getTime()
  return Number.isNaN(time) ? undefined : time
}
