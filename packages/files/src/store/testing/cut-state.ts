import assert from "node:assert/strict"
import { existsSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { openDiskStore, openMemoryStore } from "../tree/test-store.ts"
import { changesDirectories, DiskImage, OpenedCuts, seededRandom } from "./disk-image.ts"
import { dump } from "./random-steps.ts"
import { stateDumps, TREE } from "./state-workload.ts"
import { verifyTrees } from "./verify-trees.ts"
import { recordWrites } from "./write-stream.ts"

/** How far the script had come. */
interface Progress {
  /** The last step that has begun. */
  begun: number
  /** The last that survives a kill. */
  done: number
  /** The last that survives the loss of power. */
  durable: number
}

export interface StateCuts {
  readonly cuts: number
  /** Those whose files were opened: no cut before, under the same promises, had left the same. */
  readonly opened: number
}

/**
 * Records a scripted life of a state store, and opens what is left of it at every cut: after a kill nothing of a finished
 * step may be missing, after a loss of power nothing of a durable one; and nothing may be there that never was.
 */
export function cutStateStore(steps: number, powerLosses: number): StateCuts {
  const parent = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "skerry-state-cut-"))
  try {
    const dumps = stateDumps(openMemoryStore(), steps).map((lines) => JSON.stringify(lines))
    const workload = join(import.meta.dirname, "state-workload.ts")
    const events = recordWrites(join(parent, "original"), process.execPath, [
      workload,
      join(parent, "original"),
      String(steps),
    ])
    const image = new DiskImage((path) => path.endsWith("lock"))
    const random = seededRandom(21)
    const progress: Progress = { begun: -1, done: -1, durable: -1 }
    const opened = new OpenedCuts()
    const report = { cuts: 0, opened: 0 }
    for (const event of events) {
      image.apply(event)
      if (event.kind === "note" || changesDirectories(event)) opened.forget()
      if (event.kind === "note") {
        take(progress, event.text)
        continue
      }
      if (progress.durable < 0) continue // the making of a store is cut in cut-objects.ts
      for (let variant = 0; variant <= powerLosses; variant++) {
        const files = variant === 0 ? image.afterKill() : image.afterPowerLoss(random)
        const least = variant === 0 ? progress.done : progress.durable
        report.cuts += 1
        if (opened.has(files, least)) continue
        report.opened += 1
        const directory = join(parent, "cut")
        image.writeTo(directory, files)
        const where = `cut ${report.cuts} after ${event.kind} of ${event.path}, ${JSON.stringify(progress)}`
        holds(directory, dumps, least, progress.begun, where)
        rmSync(directory, { recursive: true })
      }
    }
    return report
  } finally {
    rmSync(parent, { recursive: true })
  }
}

function take(progress: Progress, note: string): void {
  const [kind, number] = note.split(" ")
  if (kind === "begun") progress.begun = Number(number)
  else progress.done = Number(number)
  if (kind === "durable") progress.durable = Number(number)
}

function holds(
  directory: string,
  dumps: readonly string[],
  least: number,
  most: number,
  where: string,
): void {
  try {
    using store = openDiskStore(directory)
    const found = JSON.stringify(dump(store.tree(TREE)))
    const steps = [...dumps.keys()].filter((step) => step >= least && step <= Math.max(most, least))
    assert.ok(
      steps.some((step) => dumps[step] === found),
      `what is there is none of steps ${least} to ${most}, but of ${dumps.indexOf(found)}`,
    )
    assert.deepEqual(verifyTrees(store), [])
  } catch (error) {
    throw new Error(`Lost something at ${where}`, { cause: error })
  }
}
