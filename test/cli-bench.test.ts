import assert from "node:assert/strict"
import { once } from "node:events"
import { mkdtempSync, readdirSync, readFileSync, rmdirSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, before, test } from "node:test"
import { openBuiltHome } from "./support/built-home.ts"
import { type CommandLine, ended } from "./support/command-line.ts"

/* `skerry bench` on real domains, with as few samples as can be: what it makes for itself has to be gone afterwards. */
let home: CommandLine & AsyncDisposable
let temporary: string

before(async () => {
  home = await openBuiltHome()
  temporary = mkdtempSync(join(tmpdir(), "skerry-bench-test-"))
})

after(async () => {
  await home[Symbol.asyncDispose]()
  rmdirSync(temporary)
})

const bench = (...words: string[]) =>
  home.start(home.words("bench", "--runs", "1", ...words), {
    env: { ...home.environment, TMPDIR: temporary },
  })

/** Files, and processes that were started with a path below the folder for temporary files. */
function left(): string[] {
  const processes = readdirSync("/proc").filter((name) => {
    if (!/^\d+$/.test(name)) return false
    try {
      return readFileSync(`/proc/${name}/cmdline`, "utf8").includes(temporary)
    } catch {
      return false // it has ended
    }
  })
  return [...readdirSync(temporary), ...processes.map((pid) => `process ${pid}`)]
}

test("rows of both levels and pools are measured, and nothing is left of it", {
  timeout: 300_000,
}, async () => {
  const json = join(home.folder, "bench.json")
  const { status, stdout, stderr } = await ended(
    bench("--rows", "run-standby,start,idle-memory,pipe", "--json", json),
  )
  assert.equal(status, 0, `${stdout}\n${stderr}`)
  assert.match(stdout, /^skerry \S+ · \d+ cores?, .+ · (?:KVM|emulation, no KVM) · Node 24\./)
  const { rows } = JSON.parse(readFileSync(json, "utf8"))
  const values = new Map<string, number>(
    rows.map((row: { name: string; value: { median: number } }) => [row.name, row.value.median]),
  )
  assert.deepEqual([...values.keys()], ["run-standby", "start", "cold-boot", "idle-memory", "pipe"])
  const value = (name: string) => values.get(name) ?? 0
  assert.ok(value("start") < value("cold-boot"), "a clone starts sooner than a boot")
  assert.ok(value("idle-memory") > 1e6 && value("idle-memory") < 256e6, `${value("idle-memory")} bytes`)
  assert.deepEqual(left(), [])
})

test("Ctrl-C ends it at once, with status 130 and nothing left", { timeout: 300_000 }, async () => {
  const child = bench("--rows", "cold-boot")
  const end = ended(child)
  assert.ok(child.stderr)
  let said = ""
  while (!said.includes("Measuring")) said += String((await once(child.stderr, "data"))[0])
  child.kill("SIGINT")
  assert.equal((await end).status, 130)
  assert.deepEqual(left(), [])
})
