const UNITS = ["B", "kB", "MB", "GB", "TB"] as const

/** 27.0 MB, with powers of 1000. */
export function showBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000
    unit += 1
  }
  return `${unit === 0 || value >= 99.95 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`
}

/** 0.4 s, 12 s, 3:05, 1:02:03. */
export function showDuration(milliseconds: number): string {
  const seconds = Math.max(0, milliseconds) / 1000
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  const two = (value: number) => String(value).padStart(2, "0")
  const minutes = Math.floor(whole / 60)
  const rest = two(whole % 60)
  return minutes < 60 ? `${minutes}:${rest}` : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${rest}`
}

/** 1 file, 2 files. */
export const countOf = (number: number, one: string, many = `${one}s`): string =>
  `${number} ${number === 1 ? one : many}`

const SIZES: Readonly<Record<string, number>> = { "": 1, k: 1e3, m: 1e6, g: 1e9, t: 1e12 }
const BINARY_SIZES: Readonly<Record<string, number>> = { k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 }

/** 500, 2G, 2GB, 1.5 GB with powers of 1000, 2GiB with powers of 1024; undefined: none of these. */
export function parseSize(word: string): number | undefined {
  const [, count, letter = "", binary] = /^(\d{1,9}(?:\.\d{1,3})?) ?([kmgt]?)(i?)b?$/i.exec(word) ?? []
  if (count === undefined) return undefined
  const factor = (binary === "" ? SIZES : BINARY_SIZES)[letter.toLowerCase()]
  return factor === undefined ? undefined : Math.floor(Number(count) * factor)
}
