import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import { randomBytes } from "node:crypto"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import type { Digest } from "@skerry/model"
import { cutObjectStore } from "../packages/files/src/store/testing/cut-objects.ts"
import { openTestStore } from "../packages/files/src/store/testing/disk-store.ts"
import { hasCode, sweepAll, verifyAll } from "../packages/files/src/store/testing/object-store-conformance.ts"
import { hasStrace } from "../packages/files/src/store/testing/write-stream.ts"

test("wherever a store's writes are cut, what it promised by then is there", (t) => {
  if (!hasStrace()) return t.skip("strace is not installed")
  const { events, cuts, opened } = cutObjectStore(45, 3)
  t.diagnostic(`${cuts} cuts of ${events} events, ${opened} that differ held a store`)
  assert.ok(cuts > 1800 && opened > 1000)
})

test("a store on a full disk refuses what is new, keeps what it has, and goes on when there is room", (t) => {
  if (process.getuid?.() !== 0) return t.skip("only root can mount a small disk")
  const folder = mkdtempSync(join(tmpdir(), "skerry-full-"))
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=32m", "tmpfs", folder])
  try {
    const kept: Digest[] = []
    {
      using store = openTestStore(join(folder, "store"))
      const fill = () => {
        while (true) kept.push(store.put("chunk", randomBytes(128 * 1024)))
      }
      assert.throws(fill, hasCode("no-space"))
      assert.ok(kept.length > 100, `${kept.length} chunks`)
      store.commit(new Map([["a record", Buffer.from("committed from what was held back")]]))

      const ballast = join(folder, "ballast")
      assert.throws(() => writeFileSync(ballast, Buffer.alloc(32 * 1024 * 1024)), { code: "ENOSPC" })
      const big = new Map([["big", randomBytes(512 * 1024)]])
      assert.throws(() => store.commit(big), hasCode("no-space"))
      assert.equal(store.record("big"), undefined)
      for (const digest of kept) assert.equal(store.get("chunk", digest).length, 128 * 1024)
      rmSync(ballast)
      store.commit(big)
      assert.equal(store.record("big")?.length, 512 * 1024)

      const collection = store.beginCollection()
      for (const digest of kept.slice(0, 20)) collection.mark("chunk", digest)
      assert.ok(sweepAll(collection, 1000).removed > kept.length - 23)
      kept.splice(20)
      for (let count = 0; count < 60; count++) kept.push(store.put("chunk", randomBytes(128 * 1024)))
    }
    using store = openTestStore(join(folder, "store"))
    for (const digest of kept) assert.equal(store.get("chunk", digest).length, 128 * 1024)
    assert.deepEqual(verifyAll(store, 1000).damage, [])
    assert.deepEqual(store.records(""), ["a record", "big"])
  } finally {
    execFileSync("umount", [folder])
    rmSync(folder, { recursive: true })
  }
})
