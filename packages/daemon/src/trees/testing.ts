import assert from "node:assert/strict"

/** Waits for what comes about by itself; without it, it would be a sleep. */
export async function eventually(isSo: () => boolean, withinMs = 5_000): Promise<void> {
  const end = performance.now() + withinMs
  while (!isSo()) {
    assert.ok(performance.now() < end, `it did not come about: ${isSo.toString()}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}
