/** Everybody's first, oldest first, then everybody's second, and so on: a flood of one comes after the first of others. */
export function fairOrder<T>(items: readonly T[], sourceOf: (item: T) => string): T[] {
  const counts = new Map<string, number>()
  const turns: T[][] = []
  for (const item of items) {
    const source = sourceOf(item)
    const turn = counts.get(source) ?? 0
    counts.set(source, turn + 1)
    turns[turn] ??= []
    turns[turn].push(item)
  }
  return turns.flat()
}
