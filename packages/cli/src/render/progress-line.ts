import { showBytes, showDuration } from "./amount.ts"

/** One step as it stands. 0 ≤ done; `total`, where it is known, may still grow. */
export interface Step {
  readonly label: string
  readonly unit: "bytes" | "items"
  readonly done: number
  readonly total: number | undefined
  readonly beganAt: number
}

const BAR_CELLS = 20
/** Of a step that tells nothing but its beginning and end, what has passed is shown from here on. */
const SHOWN_WAIT_MS = 1000
/** Of fewer than one item in a second nobody wants the rate. */
const LEAST_ITEMS_PER_MS = 1 / 1000

/** Pure: `Download  ━━━━━━━━────────────  40%  12.3 MB of 30.0 MB  4.1 MB/s  4.3 s left`, cut to `columns`. */
export function progressLine(step: Step, now: number, columns: number): string {
  const parts = [step.label, ...measures(step, now)]
  const fraction = fractionOf(step)
  if (fraction !== undefined) {
    const full = Math.round(fraction * BAR_CELLS)
    parts.splice(1, 0, `${"━".repeat(full)}${"─".repeat(BAR_CELLS - full)}`)
  }
  // The last column stays free: a terminal that fills it moves on to the next line.
  return cut(parts.join("  "), columns - 1)
}

/** Pure: the same in words alone, for a log. */
export function progressWords(step: Step, now: number): string {
  return `${step.label}: ${measures(step, now).join(", ") || "working"}`
}

/** Pure: what a finished step leaves behind. */
export function endWords(step: Step, now: number, note: string | undefined): string {
  // How many items there were tells nobody anything; how many bytes does.
  const amount = step.unit === "bytes" && step.done > 0 ? [showBytes(step.done)] : []
  return `${step.label}: ${[note ?? "done", ...amount, showDuration(now - step.beganAt)].join(", ")}`
}

function fractionOf({ done, total }: Step): number | undefined {
  return total === undefined || total <= 0 ? undefined : Math.min(1, done / total)
}

function measures(step: Step, now: number): string[] {
  const fraction = fractionOf(step)
  const elapsedMs = now - step.beganAt
  const perMs = elapsedMs > 0 ? step.done / elapsedMs : 0
  const parts: string[] = []
  if (fraction !== undefined) parts.push(`${String(Math.floor(fraction * 100)).padStart(3)}%`)
  if (step.total !== undefined) {
    parts.push(`${showAmount(step, step.done)} of ${showAmount(step, step.total)}`)
  } else if (step.done > 0) {
    parts.push(showAmount(step, step.done))
  }
  if (perMs > 0 && step.unit === "bytes") parts.push(`${showBytes(perMs * 1000)}/s`)
  if (perMs >= LEAST_ITEMS_PER_MS && step.unit === "items") parts.push(`${(perMs * 1000).toFixed(0)}/s`)
  if (perMs > 0 && step.total !== undefined && step.total > step.done) {
    parts.push(`${showDuration((step.total - step.done) / perMs)} left`)
  }
  if (parts.length === 0 && elapsedMs >= SHOWN_WAIT_MS) parts.push(showDuration(elapsedMs))
  return parts
}

const showAmount = ({ unit }: Step, amount: number) =>
  unit === "bytes" ? showBytes(amount) : String(Math.floor(amount))

function cut(line: string, width: number): string {
  return line.length > width ? `${line.slice(0, Math.max(0, width - 1))}…` : line
}
