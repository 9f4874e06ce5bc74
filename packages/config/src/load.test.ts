import assert from "node:assert/strict"
import { chmodSync, chownSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { ConfigError } from "./config-error.ts"
import { initialise } from "./initialise.ts"
import { loadIn, temporaryFolder } from "./testing.ts"

const SYSTEM = {
  applications: { a: { source: { kind: "debian", packages: ["less"] }, command: ["less"] } },
  instances: {},
}

function write(directory: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text)
}

async function codeOf(loading: Promise<unknown>): Promise<string> {
  return loading.then(
    () => "accepted",
    (error: unknown) => (error instanceof ConfigError ? error.code : String(error)),
  )
}

test("the starter configuration is good, and gives the same bytes twice", async () => {
  using directory = temporaryFolder()
  initialise(directory.path, { force: false })
  const first = await loadIn(directory.path)
  const second = await loadIn(directory.path)
  assert.equal(first.canonicalJson, second.canonicalJson)
  assert.equal(first.digest, second.digest)
  assert.deepEqual(Object.keys(first.system.instances), ["pdf", "notes", "scratch", "light"])
  assert.equal(first.printed, "")
})

test("skerry.json alone is the configuration", async () => {
  using directory = temporaryFolder()
  write(directory.path, { "skerry.json": JSON.stringify(SYSTEM) })
  const { file, files, system } = await loadIn(directory.path)
  assert.equal(file, join(directory.path, "skerry.json"))
  assert.deepEqual(
    files.map(({ path }) => path),
    [file],
  )
  assert.deepEqual(Object.keys(system.applications), ["a"])
})

test("skerry.config.ts comes before skerry.json, which it may import and extend", async () => {
  using directory = temporaryFolder()
  const extended = `import { debian, defineSystem, fromJson } from "skerry"
import data from "./skerry.json" with { type: "json" }
import { packages } from "./parts/packages.ts"
const base = fromJson(data)
export default defineSystem({
  ...base,
  applications: { ...base.applications, b: { source: debian({ packages }), command: ["b"] } },
  instances: { one: { application: "a" }, two: { application: "b", isolation: "process" } },
})
`
  mkdirSync(join(directory.path, "parts"))
  write(directory.path, {
    "skerry.json": JSON.stringify({ $schema: "./skerry.schema.json", ...SYSTEM }),
    "skerry.config.ts": extended,
    "parts/packages.ts": 'export const packages: string[] = ["less"]\n',
  })
  const { files, system } = await loadIn(directory.path)
  assert.deepEqual(Object.keys(system.applications), ["a", "b"])
  assert.deepEqual(files.map(({ path }) => path.slice(directory.path.length + 1)).sort(), [
    "parts/packages.ts",
    "skerry.config.ts",
    "skerry.json",
  ])
})

test("a change of a source is seen at once, and changes its digest", async () => {
  using directory = temporaryFolder()
  const text = (name: string) => `export default ${JSON.stringify(SYSTEM).replaceAll('"a"', `"${name}"`)}`
  write(directory.path, { "skerry.config.ts": text("a") })
  const first = await loadIn(directory.path)
  write(directory.path, { "skerry.config.ts": text("b") })
  const second = await loadIn(directory.path)
  assert.deepEqual(Object.keys(second.system.applications), ["b"])
  assert.notEqual(first.files[0]?.digest, second.files[0]?.digest)
})

test("a configuration sees no environment", async () => {
  using directory = temporaryFolder()
  const text = `export default { ...${JSON.stringify(SYSTEM)}, instances: Object.fromEntries(
    Object.keys(process.env).filter((key) => key !== "TZ").map((key) => [key, { application: "a" }])) }`
  write(directory.path, { "skerry.config.ts": text })
  assert.deepEqual((await loadIn(directory.path)).system.instances, Object.create(null))
})

test("what a configuration prints is kept for whoever asks", async () => {
  using directory = temporaryFolder()
  write(directory.path, {
    "skerry.config.ts": `console.log("hello"); export default ${JSON.stringify(SYSTEM)}`,
  })
  assert.equal((await loadIn(directory.path)).printed, "hello\n")
})

test("a configuration that never ends is ended", async () => {
  using directory = temporaryFolder()
  write(directory.path, { "skerry.config.ts": "while (true) {}" })
  assert.equal(await codeOf(loadIn(directory.path, { deadlineMs: 300 })), "timeout")
})

test("an abort ends the evaluation with its reason", async () => {
  using directory = temporaryFolder()
  write(directory.path, { "skerry.config.ts": "while (true) {}" })
  const controller = new AbortController()
  const loading = loadIn(directory.path, { signal: controller.signal })
  controller.abort(new Error("enough"))
  await assert.rejects(loading, /enough/)
  await assert.rejects(loadIn(directory.path, { signal: controller.signal }), /enough/)
})

test("without a configuration, the error says how to make one", async () => {
  using directory = temporaryFolder()
  await assert.rejects(loadIn(directory.path), /neither skerry.config.ts nor skerry.json; run: skerry init/)
})

test("a source that everybody may write is refused", async () => {
  using directory = temporaryFolder()
  write(directory.path, {
    "skerry.config.ts": 'import b from "./b.ts"\nexport default b\n',
    "b.ts": `export default ${JSON.stringify(SYSTEM)}`,
  })
  assert.equal(await codeOf(loadIn(directory.path)), "accepted")
  chmodSync(join(directory.path, "b.ts"), 0o666)
  assert.equal(await codeOf(loadIn(directory.path)), "unreadable")
})

test("a source of another account is refused", {
  skip: process.getuid?.() !== 0 && "only root can give files away",
}, async () => {
  using directory = temporaryFolder()
  write(directory.path, { "skerry.json": JSON.stringify(SYSTEM) })
  chownSync(join(directory.path, "skerry.json"), 12_345, 12_345)
  assert.equal(await codeOf(loadIn(directory.path)), "unreadable")
})

test("a file that two links lead to is one file, also in a circle", async () => {
  using directory = temporaryFolder()
  write(directory.path, { "skerry.config.ts": 'import b from "./link.ts"\nexport default b\n' })
  symlinkSync("skerry.config.ts", join(directory.path, "link.ts"))
  assert.equal(await codeOf(loadIn(directory.path)), "import-cycle")
})

test("a configuration that is no text, or a folder, is refused", async () => {
  using directory = temporaryFolder()
  writeFileSync(join(directory.path, "skerry.json"), Buffer.from([0x7b, 0xff, 0x7d]))
  assert.equal(await codeOf(loadIn(directory.path)), "syntax")
  mkdirSync(join(directory.path, "skerry.config.ts"))
  assert.equal(await codeOf(loadIn(directory.path)), "unreadable")
})

test("10,000 instances load within 2 s", async () => {
  using directory = temporaryFolder()
  const text = `export default { ...${JSON.stringify(SYSTEM)}, instances: Object.fromEntries(
    Array.from({ length: 10_000 }, (_, at) => [\`i\${at}\`, { application: "a", memoryMiB: 128 }])) }`
  write(directory.path, { "skerry.config.ts": text })
  const began = performance.now()
  const { system, canonicalJson } = await loadIn(directory.path)
  assert.equal(Object.keys(system.instances).length, 10_000)
  write(directory.path, { "skerry.json": canonicalJson.replace(/,"version":1/, "") })
  assert.ok(performance.now() - began < 2000, `took ${performance.now() - began} ms`)
})
