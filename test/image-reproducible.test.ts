import assert from "node:assert/strict"
import { readdir, readFile, utimes, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { test } from "node:test"
import { buildSystem, lockPath } from "@skerry/image"
import type { ApplicationName } from "@skerry/model"
import { buildOptions, buildShared, lendPackages, sharedPaths, testHome } from "./support/image-build.ts"
import { debianApplication, sampleSystem, systemOf } from "./support/sample-system.ts"

test("the same lock gives the same bytes in another place, at another time, with another umask and order", async () => {
  const shared = await buildShared(sampleSystem())
  await using home = await testHome()
  await lendPackages(sharedPaths(), home.paths)
  await shuffleTimes(join(home.paths.cache, "packages"))
  await reverseOrder(lockPath(home.paths))

  const umask = process.umask(0o077)
  const zone = process.env.TZ
  process.env.TZ = "Pacific/Kiritimati"
  try {
    const system = systemOf({ scratch: debianApplication([]) })
    const again = await buildSystem(await buildOptions(home.paths, system, { now: () => 1 }))
    const digests = (images: typeof again.images) => {
      const image = images.get("scratch" as ApplicationName)
      assert.ok(image)
      return [
        image.digest,
        image.kernel.digest,
        image.initramfs.digest,
        ...image.layers.map((each) => each.digest),
      ]
    }
    assert.deepEqual(digests(again.images), digests(shared.images))
  } finally {
    process.umask(umask)
    if (zone === undefined) delete process.env.TZ
    else process.env.TZ = zone
  }
})

async function shuffleTimes(directory: string): Promise<void> {
  for (const [index, name] of (await readdir(directory)).entries()) {
    await utimes(join(directory, name), index, 1e9 + ((index * 7919) % 1e6))
  }
}

/** A lock's meaning does not depend on the order of its applications' keys. */
async function reverseOrder(path: string): Promise<void> {
  const lock = JSON.parse(await readFile(path, "utf8")) as Record<string, unknown>
  await writeFile(path, JSON.stringify(Object.fromEntries(Object.entries(lock).reverse())))
}
