import assert from "node:assert/strict"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { configProgram, loadSystem } from "@skerry/config"
import { GenerationStore } from "@skerry/image"
import { runCommandLine } from "../../packages/cli/src/testing.ts"

const folder = mkdtempSync(join(tmpdir(), "skerry-audit-backup-"))
test.after(() => rmSync(folder, { recursive: true }))
const key = join(folder, "key")
writeFileSync(key, "correct horse\n")

const run = (home: string, ...words: readonly string[]) => {
  const under = (name: string) => join(folder, home, name)
  const paths = {
    configuration: under("config"),
    state: under("state"),
    cache: under("cache"),
    runtime: under("run"),
  }
  return runCommandLine([...words, "--passphrase-file", key], { paths, cwd: folder })
}

function writeConfiguration(home: string, name: string, text: string): string {
  const directory = join(folder, home, "config")
  mkdirSync(join(directory, "policy.d"), { recursive: true })
  writeFileSync(join(directory, name), text)
  writeFileSync(join(directory, "policy.d/30-mine.policy"), "qubes.Filecopy * light @adminvm allow\n")
  return directory
}

const LIGHT = {
  applications: { shell: { source: { kind: "debian", packages: ["bash"] }, command: ["bash"] } },
  instances: { light: { application: "shell", isolation: "process" } },
}
const PROGRAM = `export default ${JSON.stringify(LIGHT)}\n`
const SAID =
  /`light`\n {2}! accepts level `process`.*\n {2}may call `qubes\.Filecopy`.* on this machine, without asking you/

test("a backup of skerry.json is read without running anything, with its own policy", async () => {
  writeConfiguration("json", "skerry.json", JSON.stringify(LIGHT))
  assert.equal((await run("json", "backup", "--no-state", "-q", "json-backup")).status, 0)
  const { status, stdout, stderr } = await run("elsewhere", "audit-config", "json-backup")
  assert.deepEqual([status, stderr], [0, ""])
  assert.match(stdout, SAID)
})

test("a program in a backup is run only where that is said, or known here by what it comes to", async () => {
  const directory = writeConfiguration("program", "skerry.config.ts", PROGRAM)
  const program = configProgram(import.meta.url)
  const { system } = await loadSystem(
    { configurationDirectory: directory },
    { program, uid: process.getuid?.() ?? 0 },
  )
  const store = new GenerationStore(join(folder, "program/state"))
  await store.makeCurrent((await store.add({ system, images: {}, lock: {} as never }, 0)).number)
  assert.equal((await run("program", "backup", "--no-state", "-q", "program-backup")).status, 0)
  const refused = await run("elsewhere", "audit-config", "program-backup")
  assert.equal(refused.status, 1)
  assert.match(refused.stderr, /is a program, and to learn what it says it has to be run/)
  assert.match((await run("elsewhere", "audit-config", "program-backup", "--evaluate")).stdout, SAID)
  const known = await run("program", "audit-config", "program-backup")
  assert.deepEqual([known.status, known.stderr], [0, ""])
  assert.match(known.stdout, /Nothing differs from generation 1, which is current/)
})

test("a backup that is not there, and a wrong passphrase, are said", async () => {
  assert.match(
    (await run("elsewhere", "audit-config", "json-backup", "--backup", "9")).stderr,
    /has no backup 9/,
  )
  assert.equal((await run("elsewhere", "audit-config", "json-backup", "--backup", "x")).status, 2)
  writeFileSync(key, "wrong\n")
  assert.match((await run("elsewhere", "audit-config", "json-backup")).stderr, /passphrase/)
})
