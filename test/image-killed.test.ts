import assert from "node:assert/strict"
import { execFileSync, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs"
import { readdir, readFile, rm, stat } from "node:fs/promises"
import { join } from "node:path"
import { before, test } from "node:test"
import { setTimeout } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { buildSystem, loadCurrent } from "@skerry/image"
import { buildOptions, buildShared, lendImages, sharedPaths, testHome } from "./support/image-build.ts"
import { debianApplication, sampleSystem, systemOf } from "./support/sample-system.ts"

const PROGRAM = fileURLToPath(new URL("support/build-and-die.ts", import.meta.url))
/** More than a build has: the loop must end. */
const MOST_MOMENTS = 30

before(async () => {
  await buildShared(sampleSystem())
})

/** No file of the store is anything but what its name says; those in `checked` have been found to be. */
async function checkStore(images: string, checked: Set<string>): Promise<void> {
  for (const name of await readdir(images)) {
    if (name === "components") continue
    const { ino, size, ctimeMs } = await stat(join(images, name))
    const file = `${name} ${ino} ${size} ${ctimeMs}`
    if (checked.has(file)) continue
    const sum = execFileSync("sha256sum", ["--", join(images, name)])
      .toString()
      .slice(0, 64)
    assert.ok(name.startsWith(sum), `${name} has digest ${sum}`)
    checked.add(file)
  }
}

/** The layers have to be made again; the kernel, which takes the longest, does not. */
async function forget(records: string): Promise<void> {
  for (const name of await readdir(records)) {
    const record = await readFile(join(records, name), "utf8")
    if (!record.startsWith('{"kind":"boot"')) await rm(join(records, name))
  }
}

test("a build that is killed at any moment leaves the generation before usable, and no half image", async () => {
  await using home = await testHome()
  const { paths } = home
  await lendImages(sharedPaths(), paths)
  const first = systemOf({ scratch: debianApplication([]) })
  assert.equal((await buildSystem(await buildOptions(paths, first))).generation, 1)
  const images = join(paths.cache, "images")
  await forget(join(images, "components"))

  const checked = new Set<string>()
  const seen: string[] = []
  let output = ""
  while (seen.length < MOST_MOMENTS) {
    const child = spawnSync(process.execPath, [PROGRAM, home.folder, ...seen], { encoding: "utf8" })
    output = child.stdout
    if (child.status === 0) break
    assert.equal(child.signal, "SIGKILL", child.stderr)
    const lines = output.trimEnd().split("\n")
    seen.push(lines.at(-1) ?? "")
    await checkStore(images, checked)
    const current = await loadCurrent(paths)
    // The last moment of all is after the new generation became current.
    if (seen.at(-1) !== "done current") assert.deepEqual([current.number, current.system], [1, first])
  }
  // The generation that was written before its build was killed is taken up, not written again.
  assert.match(output, /generation 2\n$/)
  for (const boundary of ["begin download", "done download", "done generation", "done current"]) {
    assert.ok(seen.includes(boundary), `${boundary} in ${seen.join(", ")}`)
  }
  assert.ok(
    seen.some((name) => name.startsWith("done Making the base")),
    seen.join(", "),
  )
  assert.ok(
    seen.some((name) => name.startsWith("done Making the layer")),
    seen.join(", "),
  )
  assert.ok(!existsSync(join(paths.cache, "staging")), "staging is left")
  assert.ok(!mounts().includes(home.folder), "a mount is left")
})

test("a build that is killed while packages are being installed leaves no process and no mount", async () => {
  await using home = await testHome()
  const { paths } = home
  await lendImages(sharedPaths(), paths)
  await forget(join(paths.cache, "images", "components"))
  const child = spawn(process.execPath, [PROGRAM, home.folder, ...ALL_MOMENTS], { stdio: "ignore" })
  const exited = once(child, "exit")
  const shared = join(paths.cache, "staging", "shared-scratch")
  await until(
    () => inChroot(shared) !== undefined && existsSync(join(inChroot(shared) ?? "", "usr/bin/dpkg")),
  )
  child.kill("SIGKILL")
  await exited
  // mmdebstrap is told to end when its builder dies, and takes a moment to unmount and remove what it made.
  await until(() => !mounts().includes(home.folder) && processesIn(home.folder).length === 0)
})

const ALL_MOMENTS = [
  "begin download",
  "done download",
  "begin Making the base layer",
  "done Making the base layer",
  'begin Making the layer of "scratch"',
  'done Making the layer of "scratch"',
]

function inChroot(shared: string): string | undefined {
  if (!existsSync(shared)) return undefined
  const name = readdirSync(shared).find((name) => name.startsWith("mmdebstrap."))
  return name === undefined ? undefined : join(shared, name)
}

function mounts(): string {
  return readFileSync("/proc/mounts", "utf8")
}

/** Processes whose command line, or whose root, names the folder. */
function processesIn(folder: string): readonly string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^[0-9]+$/.test(pid)) return false
    try {
      const root = readlinkSync(`/proc/${pid}/root`)
      return root.startsWith(folder) || readFileSync(`/proc/${pid}/cmdline`, "latin1").includes(folder)
    } catch {
      return false // it has ended meanwhile
    }
  })
}

/** Looks again until it is so; fails after a minute. */
async function until(isSo: () => boolean): Promise<void> {
  const deadline = AbortSignal.timeout(60_000)
  while (!isSo()) {
    deadline.throwIfAborted()
    await setTimeout(20)
  }
}
