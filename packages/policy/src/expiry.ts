const DAY = /^(\d{4})-(\d{2})-(\d{2})$/
const TIME =
  /^(\d{4}-\d{2}-\d{2})T([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?(?:Z|([+-])(0\d|1[0-4]):([0-5]\d))$/

const DAY_MS = 24 * 60 * 60 * 1000

/**
 * When a rule ends, since 1970: a day lasts until its end in UTC, a time says its zone. Undefined for any other text,
 * and for days that no calendar has.
 */
export function parseExpiry(text: string): number | undefined {
  const startMs = startOfDay(text)
  if (startMs !== undefined) return startMs + DAY_MS
  const found = TIME.exec(text)
  if (found === null) return undefined
  const [, day = "", hours, minutes, seconds = "0", sign, zoneHours = "0", zoneMinutes = "0"] = found
  const dayMs = startOfDay(day)
  if (dayMs === undefined) return undefined
  const zone = (Number(zoneHours) * 60 + Number(zoneMinutes)) * (sign === "-" ? -1 : 1)
  return dayMs + ((Number(hours) * 60 + Number(minutes) - zone) * 60 + Number(seconds)) * 1000
}

function startOfDay(text: string): number | undefined {
  const found = DAY.exec(text)
  if (found === null) return undefined
  const [year, month, day] = found.slice(1).map(Number)
  const ms = Date.UTC(year ?? 0, (month ?? 0) - 1, day)
  // Another day comes out where the calendar has no such one.
  return new Date(ms).toISOString().startsWith(text) ? ms : undefined
}
