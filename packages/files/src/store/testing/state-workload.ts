import { writeSync } from "node:fs"
import type { StateStore } from "../tree/state-store.ts"
import { openDiskStore } from "../tree/test-store.ts"
import { Versions } from "../tree/versions.ts"
import { seededRandom } from "./disk-image.ts"
import { dump, RandomSteps } from "./random-steps.ts"

/*
 * A scripted life of a state store, for the test that cuts its writes: `node state-workload.ts DIRECTORY STEPS`. Each step
 * changes a tree and ends a turn; some make that durable, some keep a version, go back to one, or begin the journal anew.
 */
export const TREE = "work"

export interface StateStep {
  /** What a step promises once it has returned. */
  readonly isDurable: boolean
  run(): void
}

/** The steps of the script, the same each time: each is to be run before the next is asked for. */
export function* stateSteps(store: StateStore, steps: number): Generator<StateStep, void, undefined> {
  const random = seededRandom(77)
  const choose = seededRandom(78)
  const versions = new Versions(store)
  for (let step = 0; step < steps; step++) {
    const tree = store.tree(TREE)
    const stored = store.stored(TREE)
    const what = choose(12)
    yield {
      isDurable: what < 6,
      run() {
        new RandomSteps(tree, random).step()
        if (what === 0) versions.snapshot(stored, "manual", "")
        else if (what === 1 && stored.versions.rows.length > 0)
          versions.rollback(stored, String(1 + choose(1)))
        else if (what === 2) store.checkpoint()
        else if (what === 3) store.keep()
        tree.commit(what < 6)
      },
    }
  }
}

/** Dumps of the tree before the first step, and after each. */
export function stateDumps(store: StateStore, steps: number): readonly (readonly string[])[] {
  const dumps = [dump(store.tree(TREE))]
  for (const { run } of stateSteps(store, steps)) {
    run()
    dumps.push(dump(store.tree(TREE)))
  }
  return dumps
}

function main(directory: string, steps: number): void {
  const note = (text: string) => writeSync(2, `@${text}\n`)
  const store = openDiskStore(directory)
  store.tree(TREE)
  note("durable 0")
  let number = 0
  for (const { isDurable, run } of stateSteps(store, steps)) {
    number += 1
    note(`begun ${number}`)
    run()
    note(`${isDurable ? "durable" : "done"} ${number}`)
  }
  store[Symbol.dispose]()
}

const [, file, directory, steps] = process.argv
if (file === import.meta.filename && directory !== undefined) main(directory, Number(steps))
