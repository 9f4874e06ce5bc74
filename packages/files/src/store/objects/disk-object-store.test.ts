import assert from "node:assert/strict"
import { randomBytes } from "node:crypto"
import { readdirSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { diskPlace } from "../testing/disk-store.ts"
import { objectStoreConformance, sweepAll, verifyAll } from "../testing/object-store-conformance.ts"

objectStoreConformance("disk", diskPlace)

test("files of segments with nothing left in them are removed, and those of what is kept stay", () => {
  using place = diskPlace()
  const files = () => readdirSync(join(place.directory, "segments"))
  const kept = randomBytes(20_000)
  {
    using store = place.open()
    for (let index = 0; index < 40; index++) store.put("chunk", randomBytes(20_000))
    const digest = store.put("chunk", kept)
    for (let index = 0; index < 40; index++) store.put("chunk", randomBytes(20_000))
    store.commit(new Map())
    assert.ok(files().length > 15)
    // Twice: one in two thousand looks alive, which another time is another.
    for (let time = 0; time < 2; time++) {
      const collection = store.beginCollection()
      collection.mark("chunk", digest)
      sweepAll(collection, 7)
    }
    assert.ok(files().length <= 2, `${files().length} files`)
    assert.deepEqual(Buffer.from(store.get("chunk", digest)), kept)
  }
  const before = files()
  using store = place.open()
  const next = store.put("chunk", randomBytes(20_000))
  store.commit(new Map())
  assert.equal(store.get("chunk", next).length, 20_000)
  assert.deepEqual(verifyAll(store, 100), { checked: 2, damage: [] })
  assert.ok(before.every((name) => files().includes(name)))
})
