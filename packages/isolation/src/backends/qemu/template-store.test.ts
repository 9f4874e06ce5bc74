import assert from "node:assert/strict"
import { readdirSync, writeSync } from "node:fs"
import { appendFile, mkdir, mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { openLinux } from "@skerry/linux"
import { parseDigest } from "@skerry/model"
import { newMemory, sealSnapshot, TemplateStore } from "./template-store.ts"

const linux = openLinux()
const MEMORY_MIB = 4
const IMAGE = parseDigest(`sha256:${"1".repeat(64)}`)
const KEY = TemplateStore.keyOf(["image", 1])
const never = new AbortController().signal

interface Home extends AsyncDisposable {
  readonly cache: string
  readonly state: string
  /** Of the one template. */
  readonly folder: string
  /** A store that remembers nothing, as after a new start. */
  readonly store: () => TemplateStore
}

async function openHome(): Promise<Home> {
  const folder = await mkdtemp(join(tmpdir(), "skerry-templates-"))
  const [cache, state] = [join(folder, "cache"), join(folder, "state")]
  return {
    ...{ cache, state, folder: join(cache, "templates", KEY) },
    store: () => new TemplateStore({ cacheDirectory: cache, stateDirectory: state, linux }),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  }
}

/** A memory with `text` in its third page and in its last. */
function snapshotOf(text: string) {
  const fd = newMemory(linux, MEMORY_MIB)
  writeSync(fd, text, 2 * 4096)
  writeSync(fd, text, MEMORY_MIB * 1024 * 1024 - text.length)
  return sealSnapshot(linux, fd, Buffer.from(`devices of ${text}`))
}

async function save(home: Home, text = "guest"): Promise<void> {
  using snapshot = snapshotOf(text)
  await home.store().save(KEY, IMAGE, snapshot)
}

/** The text that a template was made from; undefined where there is none that can be trusted. */
async function load(home: Home, key = KEY, memoryMiB = MEMORY_MIB): Promise<string | undefined> {
  using snapshot = await home.store().load(key, memoryMiB, never)
  if (snapshot === undefined) return undefined
  const text = snapshot.deviceState.toString().replace("devices of ", "")
  const memory = await readFile(`/proc/self/fd/${snapshot.memoryFd}`)
  assert.equal(memory.length, memoryMiB * 1024 * 1024)
  assert.equal(memory.subarray(8192, 8192 + text.length).toString(), text)
  assert.equal(memory.subarray(-text.length).toString(), text)
  return text
}

test("a template that was saved is loaded again, sealed", async () => {
  await using home = await openHome()
  await save(home)
  assert.equal(await load(home), "guest")
  using snapshot = await home.store().load(KEY, MEMORY_MIB, never)
  assert.ok(snapshot)
  assert.deepEqual(new Set(linux.getSeals(snapshot.memoryFd)), new Set(["grow", "seal", "shrink", "write"]))
  assert.throws(() => writeSync(snapshot.memoryFd, "x", 0), { code: "EPERM" })
})

test("one that was saved again replaces the first", async () => {
  await using home = await openHome()
  await save(home, "first")
  await save(home, "second")
  assert.equal(await load(home), "second")
})

test("where there is none, there is none", async () => {
  await using home = await openHome()
  assert.equal(await load(home), undefined)
  await save(home)
  assert.equal(await load(home, TemplateStore.keyOf(["image", 2])), undefined)
})

const flip = async (path: string, at: number) => {
  const bytes = await readFile(path)
  const index = at < 0 ? bytes.length + at : at
  bytes[index] = (bytes[index] ?? 0) ^ 1
  await writeFile(path, bytes)
}

const ALTERATIONS: Readonly<Record<string, (folder: string) => Promise<void>>> = {
  "record altered": (folder) => flip(join(folder, "record"), 0),
  "record cut": (folder) => truncate(join(folder, "record"), 10),
  "record empty": (folder) => truncate(join(folder, "record"), 0),
  "record longer": (folder) => appendFile(join(folder, "record"), "\n"),
  "record missing": (folder) => rm(join(folder, "record")),
  "devices altered": (folder) => flip(join(folder, "devices"), 3),
  "devices longer": (folder) => appendFile(join(folder, "devices"), "x"),
  "devices missing": (folder) => rm(join(folder, "devices")),
  "memory altered": (folder) => flip(join(folder, "memory"), -1),
  "memory's page number altered": (folder) => flip(join(folder, "memory"), 0),
  "memory cut": (folder) => truncate(join(folder, "memory"), 5000),
  "memory empty": (folder) => truncate(join(folder, "memory"), 0),
  "memory longer": (folder) => appendFile(join(folder, "memory"), Buffer.alloc(8 + 4096)),
  "memory with half a header more": (folder) => appendFile(join(folder, "memory"), "1234"),
  "memory missing": (folder) => rm(join(folder, "memory")),
  "all missing": (folder) => rm(folder, { recursive: true }),
}
for (const [what, alter] of Object.entries(ALTERATIONS)) {
  test(`a template is not used: ${what}`, async () => {
    await using home = await openHome()
    await save(home)
    await alter(home.folder)
    assert.equal(await load(home), undefined)
    await save(home, "made anew")
    assert.equal(await load(home), "made anew")
  })
}

test("a template is not used for a memory of another size, or under another key", async () => {
  await using home = await openHome()
  await save(home)
  assert.equal(await load(home, KEY, MEMORY_MIB - 1), undefined)
  const other = TemplateStore.keyOf(["image", 2])
  await mkdir(join(home.cache, "templates", other))
  for (const name of readdirSync(home.folder)) {
    await writeFile(join(home.cache, "templates", other, name), await readFile(join(home.folder, name)))
  }
  assert.equal(await load(home, other), undefined)
})

for (const [what, change] of Object.entries<(path: string) => Promise<void>>({
  "of somebody else": (path) => writeFile(path, Buffer.alloc(32, 7)),
  "that was cut": (path) => truncate(path, 0),
  "that is gone": (path) => rm(path),
})) {
  test(`a template is not used with a key ${what}, and the next one is`, async () => {
    await using home = await openHome()
    await save(home)
    await change(join(home.state, "template.key"))
    assert.equal(await load(home), undefined)
    await save(home, "made anew")
    assert.equal(await load(home), "made anew")
    assert.equal((await readFile(join(home.state, "template.key"))).length, 32)
    assert.deepEqual(readdirSync(home.state), ["template.key"])
  })
}

test("two stores that begin at once agree on a key", async () => {
  await using home = await openHome()
  await Promise.all(Array.from({ length: 8 }, (_, index) => save(home, `guest ${index}`)))
  assert.match((await load(home)) ?? "", /^guest \d$/)
  assert.deepEqual(readdirSync(join(home.cache, "templates")), [KEY])
  assert.deepEqual(readdirSync(home.state), ["template.key"])
})

test("what a dead process left half done goes with the next save, what a living one does stays", async () => {
  await using home = await openHome()
  const stat = await readFile("/proc/self/stat", "utf8")
  const startTicks = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]
  const living = `.partial-${process.pid}-${startTicks}-999`
  for (const name of [".partial-4194305-1-0", `.partial-${process.pid}-1-0`, living]) {
    await mkdir(join(home.cache, "templates", name), { recursive: true })
  }
  await save(home)
  assert.deepEqual(readdirSync(join(home.cache, "templates")).toSorted(), [living, KEY])
})

test("a save that fails leaves nothing half done", async () => {
  await using home = await openHome()
  await writeFile(home.state, "in the way of the key")
  await assert.rejects(save(home), { code: "EEXIST" })
  assert.deepEqual(readdirSync(join(home.cache, "templates")), [])
})

test("an abort ends a load", async () => {
  await using home = await openHome()
  await save(home)
  await assert.rejects(home.store().load(KEY, MEMORY_MIB, AbortSignal.abort()), { name: "AbortError" })
})
