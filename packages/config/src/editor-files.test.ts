import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { fileURLToPath } from "node:url"
import { assertGolden } from "../../../tools/golden.ts"
import { typeDeclarations } from "./editor-files.ts"
import { initialise } from "./initialise.ts"
import { temporaryFolder } from "./testing.ts"

const compiler = fileURLToPath(new URL("../bin/tsc", import.meta.resolve("typescript")))

/** What the compiler says about each of some configurations, beside which `skerry init` has written its files. */
function typeErrors(configurations: readonly string[], json = "{}"): string[] {
  using directory = temporaryFolder()
  initialise(directory.path, { force: false })
  for (const [index, text] of configurations.entries())
    writeFileSync(join(directory.path, `${index}.ts`), text)
  writeFileSync(join(directory.path, "skerry.json"), json)
  const { stdout, error } = spawnSync(process.execPath, [compiler, "-p", directory.path, "--pretty", "false"])
  assert.equal(error, undefined)
  const errors = configurations.map(() => "")
  let at = 0
  for (const line of stdout.toString().split("\n")) {
    // Lines that go on are indented.
    at = Number(/(\d+)\.ts\(/.exec(line)?.[1] ?? at)
    errors[at] += line
  }
  return errors
}

const withInstances = (instances: string, settings = "{}") => `import { debian, defineSystem } from "skerry"
export default defineSystem({
  applications: { pdf: { source: debian({ packages: ["poppler-utils"] }), command: ["pdftotext"] } },
  instances: ${instances},
  settings: ${settings},
})
`

test("the declarations say what the schema says", () => {
  assertGolden(join(import.meta.dirname, "../../../testdata/config/skerry.d.ts.txt"), typeDeclarations())
})

test("the compiler accepts the starter configuration", () => {
  using directory = temporaryFolder()
  initialise(directory.path, { force: false })
  const { status, stdout } = spawnSync(process.execPath, [compiler, "-p", directory.path])
  assert.equal(status, 0, stdout.toString())
})

test("the compiler finds what the schema would refuse", () => {
  const MISTAKES: readonly (readonly [configuration: string, says: RegExp])[] = [
    [withInstances('{ a: { application: "pdv" } }'), /'"pdv"' is not assignable to type '"pdf"'/],
    [
      withInstances('{ a: { application: "pdf", grants: ["lan"] } }'),
      /'string' is not assignable to type 'Grant<never>'/,
    ],
    [withInstances('{ a: { application: "pdf", memory: 64 } }'), /'memory' does not exist/],
    [withInstances('{ a: { application: "pdf", isolation: "VM" } }'), /'"VM"' is not assignable/],
    [withInstances("{ a: {} }"), /'application' is missing/],
    [withInstances("{}", "{ standby: { perImage: true } }"), /'boolean' is not assignable/],
  ]
  const good = withInstances('{ a: { application: "pdf", memoryMiB: 64, isolation: "process" } }')
  const [ofGood, ...found] = typeErrors([good, ...MISTAKES.map(([configuration]) => configuration)])
  assert.equal(ofGood, "")
  for (const [index, [, says]] of MISTAKES.entries()) assert.match(found[index] ?? "", says)
})

test("names from skerry.json are known to the compiler", () => {
  const json = JSON.stringify({
    applications: { a: { source: { kind: "debian", packages: ["less"] }, command: ["less"] } },
    instances: { one: { application: "a" } },
  })
  const extending = (application: string) => `import { defineSystem, fromJson } from "skerry"
import data from "./skerry.json" with { type: "json" }
const base = fromJson(data)
export default defineSystem({ ...base, instances: { ...base.instances, two: { application: "${application}" } } })
`
  const [known, unknown = ""] = typeErrors([extending("a"), extending("b")], json)
  assert.equal(known, "")
  assert.match(unknown, /'"b"' is not assignable to type '"a"'/)
})
