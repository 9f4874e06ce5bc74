import assert from "node:assert/strict"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { runCommandLine } from "../testing.ts"

/** A host of its own for each test. */
function temporaryHost() {
  const path = mkdtempSync(join(tmpdir(), "skerry-cli-"))
  const at = (name: string) => join(path, name)
  const paths = { configuration: at("config"), state: at("state"), cache: at("cache"), runtime: at("run") }
  return {
    paths,
    run: (...words: string[]) => runCommandLine(words, { paths }),
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  }
}

test("init, check and show work one after the other", async () => {
  using host = temporaryHost()
  const made = await host.run("init")
  assert.equal(made.status, 0)
  assert.match(made.stdout, /Wrote .*skerry\.config\.ts\n/)
  const checked = await host.run("config", "check")
  assert.match(checked.stdout, /skerry\.config\.ts: good \(applications: 2, instances: 4\)\n$/)
  const shown = await host.run("config", "show")
  assert.match(shown.stdout, /^light +scratch +process +256 MiB +1 +none$/m)
})

test("show --json prints the same bytes each time", async () => {
  using host = temporaryHost()
  await host.run("init")
  const first = await host.run("config", "show", "--json")
  assert.deepEqual(await host.run("config", "show", "--json"), first)
  assert.equal((JSON.parse(first.stdout) as { version: number }).version, 2)
})

test("check --json names the sources and the digest", async () => {
  using host = temporaryHost()
  await host.run("init")
  const { stdout } = await host.run("config", "check", "--json")
  const { digest, files, instances } = JSON.parse(stdout) as {
    digest: string
    files: unknown[]
    instances: number
  }
  assert.match(digest, /^sha256:[0-9a-f]{64}$/)
  assert.deepEqual([files.length, instances], [1, 4])
})

test("a second init changes nothing and says how to go on", async () => {
  using host = temporaryHost()
  await host.run("init")
  const { status, stderr } = await host.run("init")
  assert.equal(status, 1)
  assert.match(stderr, /exists already.*--force\n$/)
  assert.equal((await host.run("init", "--force")).status, 0)
})

test("a mistake in the configuration is status 1, with the place", async () => {
  using host = temporaryHost()
  await host.run("init")
  writeFileSync(join(host.paths.configuration, "skerry.config.ts"), "export default { instances: {} ]")
  const { status, stdout, stderr } = await host.run("config", "check")
  assert.deepEqual([status, stdout], [1, ""])
  assert.match(stderr, /^skerry config: .*skerry\.config\.ts:1:\d+: /)
})

test("what a configuration prints goes to standard error, made safe", async () => {
  using host = temporaryHost()
  await host.run("init")
  const text = 'console.log("\\u001b[2Jhello"); export default { applications: {}, instances: {} }'
  writeFileSync(join(host.paths.configuration, "skerry.config.ts"), text)
  assert.equal((await host.run("config", "show", "--json")).stderr, "\\u001b[2Jhello\n")
})

test("without a configuration, check says how to make one and completion offers nothing", async () => {
  using host = temporaryHost()
  assert.match((await host.run("config", "check")).stderr, /run: skerry init\n$/)
  assert.deepEqual(await host.run("complete-words"), { status: 0, stdout: "", stderr: "" })
})

test("completion lists the instances", async () => {
  using host = temporaryHost()
  await host.run("init")
  assert.equal((await host.run("complete-words")).stdout, "pdf\nnotes\nscratch\nlight\n")
})

test("the schema is JSON", async () => {
  using host = temporaryHost()
  const { stdout } = await host.run("config", "schema")
  assert.match((JSON.parse(stdout) as { $schema: string }).$schema, /2020-12/)
})
