import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import { readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { before, test } from "node:test"
import {
  type BuildResult,
  buildSystem,
  collectGarbage,
  GenerationStore,
  ImageError,
  loadCurrent,
  lockPath,
  rollback,
} from "@skerry/image"
import { openLinux } from "@skerry/linux"
import type { ApplicationName } from "@skerry/model"
import { buildOptions, buildShared, lendImages, sharedPaths, testHome } from "./support/image-build.ts"
import { debianApplication, sampleSystem, systemOf } from "./support/sample-system.ts"

const BASE_BYTES = 130_000_000
const UP_TO_DATE_MS = 1000

let built: BuildResult
const linux = openLinux()

before(async () => {
  built = await buildShared(sampleSystem())
})

const layersOf = (name: string) => {
  const image = built.images.get(name as ApplicationName)
  assert.ok(image)
  return image.layers.map((layer) => layer.path)
}

/** Every path of a layer, with its mode as in `ls`. */
async function contents(layer: string): Promise<readonly string[]> {
  await using home = await testHome()
  execFileSync("fsck.erofs", [`--extract=${home.folder}/root`, layer], { stdio: "ignore" })
  const printed = execFileSync("find", [`${home.folder}/root`, "-mindepth", "1", "-printf", "%m %y %P\n"], {
    maxBuffer: 1 << 26,
  })
  return printed.toString().trimEnd().split("\n")
}

test("kernel, initramfs and base layer fit into 130 MB on disk", (context) => {
  context.diagnostic(`base: ${built.baseBytes} bytes`)
  assert.ok(built.baseBytes > 0 && built.baseBytes <= BASE_BYTES, `${built.baseBytes} bytes`)
})

test("a build with nothing to do returns within a second, with the same generation", async () => {
  const options = await buildOptions(sharedPaths(), sampleSystem())
  const began = performance.now()
  const again = await buildSystem(options)
  const took = performance.now() - began
  assert.equal(again.isNew, false)
  assert.equal(again.generation, built.generation)
  assert.ok(took < UP_TO_DATE_MS, `${took} ms`)
})

test("an image has the application, and no package manager, setuid program, documentation or locale", async () => {
  const lines = await contents(layersOf("pdf")[1] ?? "")
  const paths = new Set(lines.map((line) => line.split(" ").slice(2).join(" ")))
  for (const needed of ["usr/bin/pdftotext", "usr/bin/bash", "usr/bin/ls", "etc/ld.so.cache", "etc/passwd"]) {
    assert.ok(paths.has(needed), needed)
  }
  for (const unwanted of [
    "usr/bin/apt",
    "usr/bin/dpkg",
    "usr/bin/perl",
    "usr/bin/su",
    "var/lib/dpkg",
    "usr/share/doc",
    "usr/share/man",
    "usr/share/locale/de",
    "etc/shadow",
    "etc/resolv.conf",
    "etc/machine-id",
    "dev",
  ]) {
    assert.ok(!paths.has(unwanted), unwanted)
  }
  const setId = lines.filter((line) => /^[2-7][0-7]{3} f /.test(line))
  assert.deepEqual(setId, [])
  assert.deepEqual(
    lines.filter((line) => !/^[0-7]+ [fdl] /.test(line)),
    [],
  )
})

test("what the base has is in no application's layer", async () => {
  const files = async (layer: string) =>
    new Set((await contents(layer)).filter((line) => / [fl] /.test(line)))
  const [base = "", own = ""] = layersOf("scratch")
  const inBase = await files(base)
  const twice = [...(await files(own))].filter((line) => inBase.has(line)).map((line) => line.split(" ")[2])
  // The same names with other contents: the application's own accounts and name services.
  assert.deepEqual(twice, ["etc/group", "etc/nsswitch.conf", "etc/passwd"])
})

test("every image is named by the digest of its bytes, and no half image is under such a name", async () => {
  const directory = join(sharedPaths().cache, "images")
  const names = (await readdir(directory)).filter((name) => name !== "components")
  assert.ok(names.length >= 5)
  for (const name of names) {
    const sum = execFileSync("sha256sum", ["--", join(directory, name)])
      .toString()
      .slice(0, 64)
    assert.equal(name.split(".", 1)[0], sum)
  }
})

test("generations come and go: rollback, gc, and a file that is missing", async (context) => {
  await using home = await testHome()
  const { paths } = home
  await lendImages(sharedPaths(), paths)
  const one = systemOf({ scratch: debianApplication([]) })
  const slower = systemOf({ scratch: { ...debianApplication([]), environment: { A: "b" } } })

  const first = await buildSystem(await buildOptions(paths, one))
  const second = await buildSystem(await buildOptions(paths, slower))
  assert.deepEqual([first.generation, first.isNew, second.generation, second.isNew], [1, true, 2, true])
  assert.deepEqual((await loadCurrent(paths)).system, slower)

  await context.test("rollback goes to the one before, and fails where there is none", async () => {
    assert.equal(await rollback(paths, linux, undefined), 1)
    assert.deepEqual((await loadCurrent(paths)).system, one)
    await assert.rejects(rollback(paths, linux, undefined), { code: "no-generation" })
    await assert.rejects(rollback(paths, linux, 9), { code: "no-generation", message: /taken up are 1, 2:/ })
  })

  await context.test("gc keeps what a running domain uses although its generation goes", async () => {
    const image = first.images.get("scratch" as ApplicationName)
    assert.ok(image)
    await rollback(paths, linux, 2)
    const kept = await collectGarbage(paths, linux, { keep: 1, running: new Set([image.digest]) })
    assert.deepEqual(kept.removedGenerations, [1])
    assert.ok(kept.keptImages.has(image.digest))
    await stat(image.layers[0]?.path ?? "")
  })

  await context.test("gc removes what no generation uses", async () => {
    await writeFile(join(paths.cache, "images", `${"0".repeat(64)}.erofs`), "old")
    const { freedBytes } = await collectGarbage(paths, linux, { keep: 5, running: new Set() })
    assert.equal(freedBytes, 3)
    assert.equal((await loadCurrent(paths)).number, 2)
  })

  await context.test(
    "a file that was cut short is noticed, named, and made again by the next build",
    async () => {
      const { images } = await loadCurrent(paths)
      const layer = images.get("scratch" as ApplicationName)?.layers[1]?.path ?? ""
      await rm(layer)
      await writeFile(layer, "")
      await truncate(layer, 10)
      await assert.rejects(loadCurrent(paths), (error) => {
        assert.ok(error instanceof ImageError)
        assert.equal(error.code, "bad-generation")
        assert.match(error.message, /scratch.*skerry build/)
        return true
      })
      const mended = await buildSystem(await buildOptions(paths, slower))
      assert.deepEqual([mended.generation, mended.isNew], [2, false])
      assert.equal((await loadCurrent(paths)).number, 2)
    },
  )

  await context.test("a record that was altered is not used", async () => {
    const record = join(paths.state, "generations", "2.json")
    await writeFile(record, (await readFile(record, "utf8")).replace('"A":"b"', '"A":"c"'))
    await assert.rejects(new GenerationStore(paths.state).read(2), { code: "bad-generation" })
  })

  await context.test("another Node than the lock's is refused with both digests", async () => {
    const text = await readFile(lockPath(paths), "utf8")
    await writeFile(lockPath(paths), text.replace(/"node": "[0-9a-f]{64}"/, `"node": "${"0".repeat(64)}"`))
    await assert.rejects(buildSystem(await buildOptions(paths, slower)), {
      code: "wrong-digest",
      message: /expected node with SHA-256 0{64}, found [0-9a-f]{64}/,
    })
  })
})
