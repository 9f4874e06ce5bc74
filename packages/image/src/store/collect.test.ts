import assert from "node:assert/strict"
import { test } from "node:test"
import { type Digest, parseDigest } from "@skerry/model"
import { outdated, stillRunning } from "./collect.ts"

test("the newest stay, and the current one however old it is", () => {
  assert.deepEqual(outdated([1, 2, 3, 4, 5, 6, 7], 7, 5), [1, 2])
  assert.deepEqual(outdated([1, 2, 3, 4, 5, 6, 7], 1, 5), [2])
  assert.deepEqual(outdated([1, 2, 3], 2, 0), [1, 3])
  assert.deepEqual(outdated([1, 2], undefined, 5), [])
})

test("of a running image the newest generation stays, unless another that stays has it", () => {
  const image = (letter: string): Digest => parseDigest(`sha256:${letter.repeat(64)}`)
  const [a, b, c] = [image("a"), image("b"), image("c")]
  const images = new Map([
    [1, [a]],
    [2, [a, b]],
    [3, [b]],
    [4, [c]],
  ])
  const staying = (removed: number[], ...running: Digest[]) => [
    ...stillRunning(images, removed, new Set(running)),
  ]
  assert.deepEqual(staying([1, 2, 3]), [])
  assert.deepEqual(staying([1, 2, 3], a), [2])
  assert.deepEqual(staying([1, 2, 3], a, b, c), [2, 3])
  assert.deepEqual(staying([1, 3], a, b), [])
  assert.deepEqual(staying([1, 2, 3], image("d")), [])
})
