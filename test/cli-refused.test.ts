import assert from "node:assert/strict"
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, beforeEach, test } from "node:test"
import { CommandLine, repository } from "./support/command-line.ts"

/*
 * What cannot be done, through the whole command line: a sentence, a status, and nothing changed. The many kinds of
 * mistakes in a configuration have their golden files in testdata/config/errors.
 */
const home = new CommandLine(mkdtempSync(join(tmpdir(), "skerry-refused-")), [
  process.execPath,
  join(repository, "packages/cli/src/main.ts"),
])
after(() => home.remove())
const configuration = join(home.folder, "config")

beforeEach(() => {
  rmSync(configuration, { recursive: true, force: true })
  mkdirSync(configuration)
})

const tools = { source: { kind: "debian", packages: ["coreutils"] }, command: ["true"] }
const named = (...names: string[]) => ({
  applications: { tools },
  instances: Object.fromEntries(names.map((name) => [name, { application: "tools" }])),
})
const write = (name: string, content: unknown) =>
  writeFileSync(join(configuration, name), typeof content === "string" ? content : JSON.stringify(content))

/** `check` and `build` say the same, and build changes nothing. */
async function isRefused(...patterns: RegExp[]): Promise<void> {
  const before = readdirSync(configuration)
  const check = await home.run(["config", "check"])
  assert.deepEqual([check.status, check.stdout], [1, ""])
  for (const pattern of patterns) assert.match(check.stderr, pattern)
  const build = await home.run(["build"])
  assert.deepEqual([build.status, build.stdout], [1, ""])
  assert.equal(build.stderr.replaceAll("skerry build", "skerry config"), check.stderr)
  assert.deepEqual(readdirSync(configuration), before)
}

test("unknown keys and wrong types are all named with their place and what is allowed", async () => {
  write("skerry.json", { resorces: {}, ...named("mail"), settings: { standby: { perImage: "one" } } })
  await isRefused(
    /resorces: found an unknown key; .*did you mean "resources"\?/,
    /settings\.standby\.perImage: /,
  )
})

test("names of 32 characters, with a slash, dots, NUL or capitals are refused; one of 31 is not", async () => {
  const long = "a".repeat(32)
  write("skerry.json", named("Mail", "a/b", "..", "n\0", long))
  await isRefused(
    /5 problems/,
    /instances\.Mail/,
    /"a\/b"/,
    /"\.\."/,
    /"n\\u0000"/,
    new RegExp(`instances\\.${long}`),
  )
  write("skerry.json", named("a".repeat(31)))
  assert.equal((await home.run(["config", "check"])).status, 0)
})

test("the same names are refused where a command takes one", async () => {
  try {
    for (const name of ["Mail", "a/b", "..", "", "a".repeat(32)]) {
      const { status, stderr } = await home.run(["run", name])
      assert.equal(status, 125, stderr)
      assert.match(stderr, /^skerry run: Cannot use "[^\n]*" as an instance name: [^\n]*\n$/)
    }
  } finally {
    await home.run(["daemon", "--stop"])
  }
})

test("a circle of imports and a syntax error say where", async () => {
  write("skerry.config.ts", 'import { b } from "./b.ts"\nexport const a = b\nexport default a\n')
  write("b.ts", 'import { a } from "./skerry.config.ts"\nexport const b = a\n')
  await isRefused(/import each other in a circle: skerry\.config\.ts → b\.ts → skerry\.config\.ts\n$/)
  write("skerry.config.ts", "export default {\n  applications: [\n")
  await isRefused(/skerry\.config\.ts:\d+:\d+: /)
})

test("10,000 instances are read within bounds", async () => {
  write("skerry.json", named(...Array.from({ length: 10_000 }, (_, n) => `mail-${n}`)))
  const startMs = performance.now()
  const { status, stdout } = await home.run(["config", "check"])
  assert.equal(status, 0)
  assert.match(stdout, /instances: 10000\)/)
  const tookMs = performance.now() - startMs
  assert.ok(tookMs < 8_000, `${tookMs} ms`)
})

test("a mirror that nobody serves is named, and nothing is pinned", async () => {
  const source = { ...tools.source, mirror: "http://127.0.0.1:9/debian" }
  write("skerry.json", { ...named("mail"), applications: { tools: { ...tools, source } } })
  const { status, stderr } = await home.run(["build"])
  assert.equal(status, 1)
  assert.match(
    stderr,
    /skerry build: Cannot reach the package mirror .* at http:\/\/127\.0\.0\.1:9\/debian\/: [^\n]*network/,
  )
  assert.doesNotMatch(stderr, /unsandboxed/)
  assert.deepEqual(readdirSync(configuration), ["skerry.json"])
})

for (const place of ["/sys/skerry", "/etc/passwd/skerry"]) {
  test(`a home at ${place} cannot be written: every command that must says so, in one sentence`, async () => {
    const there = home.at(place)
    for (const words of [["init"], ["gc"], ["run", "mail"], ["run", "--detach", "mail"]]) {
      const { status, stdout, stderr } = await there.run(words)
      assert.deepEqual([status, stdout], [words[0] === "run" ? 125 : 1, ""])
      assert.match(stderr, new RegExp(`^skerry ${words[0]}: [^\\n]*${place}[^\\n]*SKERRY_HOME[^\\n]*\\n$`))
    }
  })
}

test("nothing has been built, and no daemon started to say that a domain does not run", async () => {
  for (const words of [
    ["stop", "mail"],
    ["pause", "mail"],
    ["resume", "mail"],
    ["exec", "mail", "--", "true"],
  ]) {
    const { status, stderr } = await home.run(words)
    assert.equal(status, words[0] === "exec" ? 125 : 1)
    assert.match(stderr, /^skerry \w+: No domain "mail" runs: "skerry ps" lists those that do\n$/)
  }
  assert.match((await home.run(["daemon", "--status"])).stdout, /^No daemon runs/)
  for (const words of [["images"], ["rollback"], ["generations"], ["ps"]]) {
    const { status, stdout, stderr } = await home.run(words)
    assert.equal((stdout + stderr).split("\n").length, 2, `${words}: ${stdout}${stderr}`)
    assert.equal(status, words[0] === "images" || words[0] === "rollback" ? 1 : 0)
  }
})
