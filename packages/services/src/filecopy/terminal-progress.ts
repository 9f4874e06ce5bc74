import type { Writable } from "node:stream"

const DRAW_EVERY_MS = 100
const BAR_CELLS = 20
const MB = 1_000_000

/** One line on a terminal, redrawn: bar, amount, rate and remaining time. Elsewhere nothing. Disposing of it clears it. */
export class TerminalProgress implements Disposable {
  readonly #output: Writable & { readonly isTTY?: boolean }
  readonly #total: number
  readonly #now: () => number
  readonly #beganAt: number
  #drawnAt = Number.NEGATIVE_INFINITY

  constructor(output: Writable, total: number, now: () => number) {
    this.#output = output
    this.#total = total
    this.#now = now
    this.#beganAt = now()
  }

  show(bytes: number): void {
    const now = this.#now()
    if (this.#output.isTTY !== true || now - this.#drawnAt < DRAW_EVERY_MS) return
    this.#drawnAt = now
    this.#output.write(`\r\u001b[K${copyLine(bytes, this.#total, now - this.#beganAt)}`)
  }

  [Symbol.dispose](): void {
    if (this.#drawnAt > Number.NEGATIVE_INFINITY) this.#output.write("\r\u001b[K")
  }
}

/** Pure: `━━━━━━━━────────────  40%  12.0 MB of 30.0 MB  4.0 MB/s  5 s left`. */
export function copyLine(bytes: number, total: number, elapsedMs: number): string {
  const fraction = total > 0 ? Math.min(1, bytes / total) : 1
  const full = Math.round(fraction * BAR_CELLS)
  const parts = [
    `${"━".repeat(full)}${"─".repeat(BAR_CELLS - full)}`,
    `${Math.floor(fraction * 100)}%`,
    `${(bytes / MB).toFixed(1)} MB of ${(total / MB).toFixed(1)} MB`,
  ]
  if (elapsedMs > 0 && bytes > 0) {
    const perMs = bytes / elapsedMs
    parts.push(`${((perMs * 1000) / MB).toFixed(1)} MB/s`)
    if (total > bytes) parts.push(`${Math.ceil((total - bytes) / perMs / 1000)} s left`)
  }
  return parts.join("  ")
}
