/** Edits (insert, drop, replace, swap two neighbours) that make `b` of `a`; Infinity once over `bound`. */
function editDistance(a: string, b: string, bound: number): number {
  if (Math.abs(a.length - b.length) > bound) return Number.POSITIVE_INFINITY
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const replaced = (last[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1)
      let best = Math.min(replaced, (last[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1)
      const isSwap = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      if (isSwap) best = Math.min(best, (beforeLast[column - 2] ?? 0) + 1)
      current.push(best)
    }
    if (Math.min(...current) > bound) return Number.POSITIVE_INFINITY
    beforeLast = last
    last = current
  }
  const distance = last[b.length] ?? 0
  return distance > bound ? Number.POSITIVE_INFINITY : distance
}

/** Longer words are no typo of a name; comparing them would only cost time. */
const LONGEST = 64

/** Of fewer letters, too many words are the beginning. */
const SHORTEST_BEGINNING = 3

/**
 * The word that `found` was probably meant to be: a third of its letters may be wrong, at least one; else a
 * word that it is the beginning of.
 */
export function nearMatch(found: string, words: readonly string[]): string | undefined {
  if (found.length > LONGEST) return undefined
  const lowered = found.toLowerCase()
  let bound = Math.max(1, Math.floor(found.length / 3))
  let nearest: string | undefined
  for (const word of words) {
    const distance = editDistance(lowered, word.toLowerCase(), bound)
    if (distance > bound || (nearest !== undefined && distance === bound)) continue
    nearest = word
    bound = distance
  }
  if (nearest !== undefined || found.length < SHORTEST_BEGINNING) return nearest
  return words.find((word) => word.toLowerCase().startsWith(lowered))
}
