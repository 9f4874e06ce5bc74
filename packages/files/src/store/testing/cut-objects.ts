import assert from "node:assert/strict"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Digest } from "@skerry/model"
import type { ObjectStore } from "../object-store.ts"
import { digestOf } from "../objects/digest-of.ts"
import { DiskImage, seededRandom } from "./disk-image.ts"
import { openTestStore } from "./disk-store.ts"
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

/**
 * Records a scripted life of a store, rebuilds its directory at every cut of it — as it is after a kill, and as it may
 * be after a loss of power, that in `powerLosses` ways — and holds what opens against what had been promised by then.
 */
export function cutObjectStore(steps: number, powerLosses: number): CutReport {
  // In memory: there are thousands of directories, and each is synced many times.
  const parent = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "skerry-cut-"))
  try {
    const original = join(parent, "original")
    const workload = join(import.meta.dirname, "object-workload.ts")
    const events = recordWrites(original, process.execPath, [workload, original, String(steps)])
    const image = new DiskImage((path) => path.endsWith("lock"))
    const promised: Promised = { isMade: false, committed: -1, committing: -1, flushed: -1 }
    const random = seededRandom(20)
    const report = { events: events.length, cuts: 0, opened: 0 }
    for (const event of events) {
      image.apply(event)
      if (event.kind === "note") {
        take(promised, event.text)
        continue
      }
      for (let variant = 0; variant <= powerLosses; variant++) {
        const directory = join(parent, "cut")
        image.writeTo(directory, variant === 0 ? image.afterKill() : image.afterPowerLoss(random))
        const where = `cut ${report.cuts} after ${event.kind} of ${event.path}, ${JSON.stringify(promised)}`
        report.opened += holds(directory, promised, where) ? 1 : 0
        report.cuts += 1
        rmSync(directory, { recursive: true })
      }
    }
    sameFiles(original, image.afterKill())
    return report
  } finally {
    rmSync(parent, { recursive: true })
  }
}

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
  for (const { kind, content } of step < 0 ? [] : objectsOf(step)) {
    if (which === "chunks" && kind !== "chunk") continue
    const digest: Digest = digestOf(kind, content)
    assert.ok(Buffer.from(store.get(kind, digest)).equals(content), `${kind} of step ${step}`)
  }
}

/** The model of the disk is the disk. */
function sameFiles(directory: string, files: ReadonlyMap<string, Buffer>): void {
  const names = readdirSync(directory, { recursive: true, encoding: "utf8" })
    .filter((name) => !name.endsWith("lock") && statSync(join(directory, name)).isFile())
    .sort()
  assert.deepEqual(names, [...files.keys()].sort())
  for (const name of names)
    assert.ok(readFileSync(join(directory, name)).equals(files.get(name) ?? Buffer.alloc(0)), name)
}
