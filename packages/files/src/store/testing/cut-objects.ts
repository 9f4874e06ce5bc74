import assert from "node:assert/strict"
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs"
import { join } from "node:path"
import type { ObjectStore } from "../object-store.ts"
import { changesDirectories, DiskImage, OpenedCuts, seededRandom } from "./disk-image.ts"
import { openTestStore, testRoot } from "./disk-store.ts"
import { verifyAll } from "./object-store-conformance.ts"
import { neededSteps, objectsOf, SEGMENT_BYTES } from "./object-workload.ts"
import { recordWrites } from "./write-stream.ts"

export interface CutReport {
  readonly events: number
  readonly cuts: number
  readonly opened: number
}

/** What the notes up to a cut promise. */
interface Promised {
  isMade: boolean
  committed: number
  committing: number
  flushed: number
}

/** A second life begins at every so many-th of the places where something was flushed and is not committed. */
const SECOND_LIVES = 5

/**
 * Records a scripted life of a store, rebuilds its directory at every cut of it — as it is after a kill, and as it may
 * be after a loss of power, that in `powerLosses` ways — and holds what opens against what had been promised by then.
 * Some of what a loss of power left is opened under record again, so that recovery is cut as well.
 */
export function cutObjectStore(steps: number, powerLosses: number): CutReport {
  const parent = mkdtempSync(join(testRoot(), "skerry-cut-"))
  try {
    return new Cutting(parent, powerLosses).run(steps)
  } finally {
    rmSync(parent, { recursive: true })
  }
}

interface Life {
  readonly from: number
  readonly to: number
  readonly start: ReadonlyMap<string, Buffer>
  readonly promised: Promised
}

class Cutting {
  readonly #parent: string
  readonly #powerLosses: number
  readonly #random = seededRandom(20)
  readonly #report = { events: 0, cuts: 0, opened: 0 }

  constructor(parent: string, powerLosses: number) {
    this.#parent = parent
    this.#powerLosses = powerLosses
  }

  run(steps: number): CutReport {
    const promised = { isMade: false, committed: -1, committing: -1, flushed: -1 }
    const next = this.#live({ from: 0, to: steps, start: new Map(), promised })
    for (const [index, life] of next.entries()) if (index % SECOND_LIVES === 1) this.#live(life)
    return this.#report
  }

  /** Where another life can begin. */
  #live({ from, to, start, promised }: Life): Life[] {
    const original = join(this.#parent, "original")
    const image = new DiskImage(isLock, start)
    image.writeTo(original, start)
    const workload = join(import.meta.dirname, "object-workload.ts")
    const events = recordWrites(original, process.execPath, [workload, original, String(from), String(to)])
    this.#report.events += events.length
    const next: Life[] = []
    const opened = new OpenedCuts()
    for (const event of events) {
      image.apply(event)
      if (event.kind === "note" || changesDirectories(event)) opened.forget()
      if (event.kind !== "note") this.#cut(image, opened, promised, `${event.kind} of ${event.path}`)
      else {
        take(promised, event.text)
        if (event.text === `committing ${promised.flushed}`) {
          const step = promised.committing
          next.push({
            from: step,
            to: step + 2,
            start: image.afterPowerLoss(this.#random),
            promised: { ...promised },
          })
        }
      }
    }
    sameFiles(original, image.afterKill())
    rmSync(original, { recursive: true })
    return next
  }

  #cut(image: DiskImage, opened: OpenedCuts, promised: Promised, what: string): void {
    for (let variant = 0; variant <= this.#powerLosses; variant++) {
      const files = variant === 0 ? image.afterKill() : image.afterPowerLoss(this.#random)
      this.#report.cuts += 1
      if (opened.has(files, promised.committed)) continue
      const directory = join(this.#parent, "cut")
      image.writeTo(directory, files)
      const where = `cut ${this.#report.cuts}, variant ${variant}, after ${what}, ${JSON.stringify(promised)}`
      this.#report.opened += holds(directory, promised, where) ? 1 : 0
      rmSync(directory, { recursive: true })
    }
  }
}

const isLock = (path: string) => path.endsWith("lock")

function take(promised: Promised, note: string): void {
  const [kind, number] = note.split(" ")
  if (kind === "opened") promised.isMade = true
  else if (kind === "committing") promised.committing = Number(number)
  else if (kind === "committed") promised.committed = Number(number)
  else if (kind === "flushed") promised.flushed = Number(number)
}

/** Whether there was a store: before its making ended there need be none. */
function holds(directory: string, promised: Promised, where: string): boolean {
  let store: ObjectStore
  try {
    store = openTestStore(directory, { create: !promised.isMade, segmentBytes: SEGMENT_BYTES })
  } catch (error) {
    throw new Error(`Cannot open at ${where}`, { cause: error })
  }
  try {
    using _ = store
    const head = Number(store.record("head") ?? -1)
    assert.ok(head === promised.committed || head === promised.committing, `head is ${head}`)
    for (const step of neededSteps(head)) expectObjects(store, step, "all")
    if (promised.flushed > head) expectObjects(store, promised.flushed, "chunks")
    assert.deepEqual(verifyAll(store, 50).damage, [])
    // And it goes on: what was lost is put again.
    for (const { kind, content } of objectsOf(promised.committing)) store.put(kind, content)
    store.commit(new Map([["head", Buffer.from("next")]]))
    expectObjects(store, promised.committing, "all")
    return head >= 0
  } catch (error) {
    throw new Error(`Lost something at ${where}`, { cause: error })
  }
}

function expectObjects(store: ObjectStore, step: number, which: "all" | "chunks"): void {
  for (const { kind, content, digest } of step < 0 ? [] : objectsOf(step)) {
    if (which === "chunks" && kind !== "chunk") continue
    assert.ok(Buffer.from(store.get(kind, digest)).equals(content), `${kind} of step ${step}`)
  }
}

/** The model of the disk is the disk. */
function sameFiles(directory: string, files: ReadonlyMap<string, Buffer>): void {
  const names = readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((name) => !isLock(name) && statSync(join(directory, name)).isFile())
    .sort()
  assert.deepEqual(names, [...files.keys()].sort())
  for (const name of names)
    assert.ok(readFileSync(join(directory, name)).equals(files.get(name) ?? Buffer.alloc(0)), name)
}
