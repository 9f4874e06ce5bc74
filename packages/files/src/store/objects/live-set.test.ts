import assert from "node:assert/strict"
import { hash, randomBytes } from "node:crypto"
import { test } from "node:test"
import { LiveSet } from "./live-set.ts"

const keyOf = (index: number) => Buffer.concat([Buffer.from("c"), hash("sha256", `${index}`, "buffer")])

test("what was marked is live, and hardly anything else; what looked so by chance looks different the next time", () => {
  const seemLive = () => {
    const live = new LiveSet(20_000, randomBytes)
    for (let index = 0; index < 20_000; index++) live.add(keyOf(index))
    for (let index = 0; index < 20_000; index++) assert.ok(live.has(keyOf(index)))
    return new Set(
      Array.from({ length: 50_000 }, (_, index) => index + 20_000).filter((index) => live.has(keyOf(index))),
    )
  }
  const [first, second] = [seemLive(), seemLive()]
  assert.ok(first.size < 100, `${first.size} of 50,000 seem live`)
  assert.ok([...first].filter((index) => second.has(index)).length <= 3)
})
