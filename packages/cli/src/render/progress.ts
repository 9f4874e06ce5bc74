import { type OnProgress, type ProgressEvent, printable, unreachable } from "@skerry/model"
import type { OutputStream } from "../command.ts"
import { endWords, progressLine, progressWords, type Step } from "./progress-line.ts"

const LIMITS = {
  /** Between two drawings on a terminal: more often than ten times a second, nobody reads it. */
  drawEveryMs: 100,
  /** What says nothing for so long is shown again, with the time it has taken. */
  beatEveryMs: 1000,
  /** Between two lines of one step in a log. */
  logEveryMs: 10_000,
  /** Steps that are open at once; of more, nothing is shown. Bounds what a confused sender can make us hold. */
  steps: 256,
} as const

const START_OF_LINE = "\r\u001b[K"

interface OpenStep {
  step: Step
  shownAt: number
}

/**
 * Shows long steps: on a terminal one line that is redrawn, and a line for each finished step; elsewhere
 * plain lines when a step begins and ends, and every ten seconds. Disposing of it clears the line.
 */
export class Progress implements Disposable {
  readonly #output: OutputStream
  readonly #now: () => number
  /** In the order of beginning; the last one that moved is the one drawn. */
  readonly #open = new Map<string, OpenStep>()
  /** Undefined while there is no drawn line to clear. */
  #drawnAt: number | undefined
  #drawn: OpenStep | undefined
  #beat: NodeJS.Timeout | undefined

  constructor(output: OutputStream, now: () => number) {
    this.#output = output
    this.#now = now
  }

  readonly onProgress: OnProgress = (event) => this.#show(event)

  #show(event: ProgressEvent): void {
    switch (event.kind) {
      case "begin":
        this.#begin(event)
        break
      case "advance":
        this.#advance(event)
        break
      case "end":
        this.#end(event)
        break
      default:
        unreachable(event)
    }
  }

  #begin(event: ProgressEvent & { kind: "begin" }): void {
    if (this.#open.size >= LIMITS.steps) return
    const now = this.#now()
    const label = printable(event.label)
    const step: Step = { label, unit: event.unit, done: 0, total: event.total, beganAt: now }
    const open = { step, shownAt: now }
    this.#open.set(event.step, open)
    this.#beat ??= setInterval(() => this.#showAgain(), LIMITS.beatEveryMs).unref()
    if (this.#isTerminal) this.#draw(open, now)
    else this.#output.write(`${label} …\n`)
  }

  #advance(event: ProgressEvent & { kind: "advance" }): void {
    const open = this.#open.get(event.step)
    if (open === undefined) return
    const now = this.#now()
    open.step = { ...open.step, done: event.done, total: event.total ?? open.step.total }
    if (this.#isTerminal) this.#draw(open, now)
    else this.#log(open, now)
  }

  /** Long steps are seen to go on, also where they have nothing to tell. */
  #showAgain(): void {
    const now = this.#now()
    const steps = [...this.#open.values()]
    if (!this.#isTerminal) for (const open of steps) this.#log(open, now)
    else {
      const open = steps.find((each) => each === this.#drawn) ?? steps.at(-1)
      if (open !== undefined) this.#draw(open, now)
    }
  }

  #log(open: OpenStep, now: number): void {
    if (now - open.shownAt < LIMITS.logEveryMs) return
    open.shownAt = now
    this.#output.write(`${progressWords(open.step, now)}\n`)
  }

  #end(event: ProgressEvent & { kind: "end" }): void {
    const open = this.#open.get(event.step)
    if (open === undefined) return
    this.#open.delete(event.step)
    const note = event.note === undefined ? undefined : printable(event.note)
    this.#clear()
    this.#output.write(`${endWords(open.step, this.#now(), note)}\n`)
  }

  #draw(open: OpenStep, now: number): void {
    this.#drawn = open
    if (this.#drawnAt !== undefined && now - this.#drawnAt < LIMITS.drawEveryMs) return
    this.#drawnAt = now
    this.#output.write(`${START_OF_LINE}${progressLine(open.step, now, this.#output.columns ?? 80)}`)
  }

  /** Comes before everything else that is written to the same terminal. */
  #clear(): void {
    if (this.#drawnAt !== undefined) this.#output.write(START_OF_LINE)
    this.#drawnAt = undefined
  }

  get #isTerminal(): boolean {
    return this.#output.isTTY === true
  }

  [Symbol.dispose](): void {
    clearInterval(this.#beat)
    this.#clear()
    this.#open.clear()
  }
}
