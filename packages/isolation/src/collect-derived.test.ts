import assert from "node:assert/strict"
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { parseDigest } from "@skerry/model"
import { collectDerived } from "./collect-derived.ts"

const kept = parseDigest(`sha256:${"a".repeat(64)}`)
const gone = parseDigest(`sha256:${"b".repeat(64)}`)
const LAYER_KEPT = "c".repeat(64)
const LAYER_GONE = "d".repeat(64)

test("templates and trees go with the images that they were made from", async () => {
  const cache = await mkdtemp(join(tmpdir(), "skerry-derived-"))
  for (const [key, image] of [
    ["one", kept],
    ["two", gone],
    ["unnamed", ""],
  ] as const) {
    await mkdir(join(cache, "templates", key), { recursive: true })
    await writeFile(join(cache, "templates", key, "image"), `${image}\n`)
  }
  await mkdir(join(cache, "images"))
  await writeFile(join(cache, "images", `${LAYER_KEPT}.erofs`), "")
  for (const layer of [LAYER_KEPT, LAYER_GONE]) {
    await mkdir(join(cache, "trees", layer), { recursive: true })
    await writeFile(join(cache, "trees", `${layer}.digest`), "")
  }
  await mkdir(join(cache, "trees", "mountpoints"))
  assert.equal(await collectDerived(cache, new Set([kept])), 4)
  assert.deepEqual(await readdir(join(cache, "templates")), ["one"])
  assert.deepEqual((await readdir(join(cache, "trees"))).sort(), [
    LAYER_KEPT,
    `${LAYER_KEPT}.digest`,
    "mountpoints",
  ])
  await rm(cache, { recursive: true })
})

test("a cache without templates and trees has nothing to collect", async () => {
  assert.equal(await collectDerived(join(tmpdir(), "skerry-no-such-cache"), new Set()), 0)
})
