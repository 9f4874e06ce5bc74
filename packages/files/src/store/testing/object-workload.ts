import { hash } from "node:crypto"
import { writeSync } from "node:fs"
import type { Digest } from "@skerry/model"
import type { ObjectKind, ObjectStore } from "../object-store.ts"
import { digestOf } from "../objects/digest-of.ts"
import { seededRandom } from "./disk-image.ts"
import { openTestStore } from "./disk-store.ts"

/*
 * A scripted life of a store, for the test that cuts its writes: `node object-workload.ts DIRECTORY FROM TO`. Each step
 * puts objects, sometimes flushes, sometimes commits a record that says what must be there, sometimes collects what no
 * step needs any more. It notes each step's promises on standard error (write-stream.ts).
 */
export const SEGMENT_BYTES = 48 * 1024
const KEPT_STEPS = 6

export interface ScriptedObject {
  readonly kind: ObjectKind
  readonly content: Buffer
  readonly digest: Digest
}

/** Who cuts the workload asks for the same at each of thousands of cuts. */
const made = new Map<number, readonly ScriptedObject[]>()

/** The objects that a step puts: the same whenever it is asked. */
export function objectsOf(step: number): readonly ScriptedObject[] {
  const before = made.get(step)
  if (before !== undefined) return before
  const objects = makeObjects(step)
  made.set(step, objects)
  return objects
}

function makeObjects(step: number): readonly ScriptedObject[] {
  const random = seededRandom(step + 1)
  return Array.from({ length: 3 + random(5) }, (_, index): ScriptedObject => {
    const kind = random(2) === 0 ? "chunk" : "node"
    const bytes = [40, 900, 3000, 9000, 20_000][random(5)] ?? 0
    const repeats = random(3) === 0
    const content = repeats ? Buffer.alloc(bytes, `${step} ${index} `) : randomContent(step, index, bytes)
    return { kind, content, digest: digestOf(kind, content) }
  })
}

function randomContent(step: number, index: number, bytes: number): Buffer {
  const parts = Array.from({ length: Math.ceil(bytes / 32) }, (_, part) =>
    hash("sha256", `${step} ${index} ${part}`, "buffer"),
  )
  return Buffer.concat(parts, bytes)
}

/** Steps whose objects are needed once this one is committed. */
export const neededSteps = (step: number) =>
  Array.from({ length: KEPT_STEPS }, (_, back) => step - back).filter((earlier) => earlier >= 0)

export function runWorkload(directory: string, from: number, to: number, note: (text: string) => void): void {
  for (let step = from; step < to; ) {
    using store = openTestStore(directory, { segmentBytes: SEGMENT_BYTES })
    note(`opened ${step}`)
    const end = Math.min(to, step + 20) // then it is closed, and opened again
    for (; step < end; step++) runStep(store, step, note)
  }
}

function runStep(store: ObjectStore, step: number, note: (text: string) => void): void {
  for (const { kind, content } of objectsOf(step)) store.put(kind, content)
  if (step % 3 === 0) {
    store.flush()
    note(`flushed ${step}`)
  }
  note(`committing ${step}`)
  store.commit(new Map([["head", Buffer.from(String(step))]]))
  note(`committed ${step}`)
  if (step % 7 === 6) collect(store, step)
}

function collect(store: ObjectStore, step: number): void {
  const collection = store.beginCollection()
  for (const needed of neededSteps(step)) {
    for (const { kind, digest } of objectsOf(needed)) collection.mark(kind, digest)
  }
  while (!collection.sweep(10).isDone);
}

const [, program, directory, from, to] = process.argv
if (import.meta.filename === program && directory !== undefined) {
  runWorkload(directory, Number(from), Number(to), (text) => void writeSync(2, `@${text}\n`))
}
