import assert from "node:assert/strict"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { normalise } from "@skerry/config"
import { CONFIGURATION_FILE, loadPolicy, rulesOfConfiguration } from "@skerry/policy"
import { assertGolden } from "../../../../tools/golden.ts"
import { runCommandLine } from "../testing.ts"
import { accessesOf } from "./accesses-of.ts"
import { auditText } from "./audit-source.ts"
import { differences } from "./differences.ts"

const root = join(import.meta.dirname, "../../../..")
const golden = (name: string, text: string) =>
  assertGolden(join(root, `testdata/cli/audit-config/${name}.txt`), text)

const NOW = Date.UTC(2026, 10, 21)

const source = { kind: "debian", packages: ["bash"] }
const shell = { source, command: ["bash", "-l"] }
const home = { kind: "directory", origin: { kind: "state", tree: "home" } }
const BEFORE = {
  applications: { shell },
  resources: { home, keys: { kind: "service", service: "skerry.Gpg", target: "vault" } },
  instances: {
    vault: { application: "shell" },
    work: { application: "shell", grants: ["home", "keys"] },
    scratch: { application: "shell", disposableTemplate: true },
  },
  settings: { defaultDisposable: "scratch" },
}
const AFTER = {
  applications: {
    shell: { ...shell, source: { ...source, packages: ["bash", "vim"] } },
    odd: { source: { ...source, mirror: "http://mirror.example/debian" }, command: ["true"], user: "root" },
  },
  resources: {
    ...BEFORE.resources,
    documents: { kind: "directory", origin: { kind: "host", path: "~/Documents" } },
    keys: { kind: "service", service: "skerry.Gpg", target: "vault", verdict: "allow" },
  },
  instances: {
    ...BEFORE.instances,
    work: { application: "shell", grants: ["home", "keys", { resource: "documents", access: "write" }] },
    odd: { application: "odd", isolation: "process" },
    other: {
      application: "shell",
      grants: ["documents", { resource: "home", at: "/mnt/home", access: "read" }],
    },
  },
  settings: { defaultDisposable: "scratch", calls: { depth: 3 } },
}

const shipped = readFileSync(join(root, "share/policy.d/90-default.policy"), "utf8")

function audited(title: string, written: unknown, own = "") {
  const { system } = normalise(written, title)
  const files = new Map([
    ["30-user.policy", own],
    [CONFIGURATION_FILE, rulesOfConfiguration(system)],
    ["90-default.policy", shipped],
  ])
  return { title, accesses: accessesOf(system, loadPolicy(files), NOW) }
}

const compared = (before: ReturnType<typeof audited>, after: ReturnType<typeof audited>) =>
  auditText(before, after, differences(before.accesses, after.accesses))

test("a configuration that grants little is told in a few sentences", () => {
  golden("little", auditText(undefined, audited("generation 1", BEFORE), []))
})

test("what is new, gone and changed comes first, then all that is granted", () => {
  golden("changed", compared(audited("generation 1", BEFORE), audited("generation 2", AFTER)))
})

test("the way back tells what is taken away", () => {
  golden("taken-away", compared(audited("generation 2", AFTER), audited("generation 1", BEFORE)))
})

test("rules of one's own are told by what they come to, and those with conditions by themselves", () => {
  const own = [
    "qubes.VMShell * work vault allow user=root",
    "qubes.Filecopy * work @adminvm allow",
    "qubes.OpenURL * @anyvm @anyvm deny",
    "skerry.Backup * @tag:disposable-of-scratch vault allow",
    "qubes.ConnectTCP * work @default allow target=vault arg~=22* once",
    "* * vault @anyvm ask",
  ]
  const after = audited("a directory", BEFORE, `${own.join("\n")}\n`)
  golden("own-rules", compared(audited("generation 1", BEFORE), after))
})

test("the same configuration differs in nothing", () => {
  assert.deepEqual(differences(audited("a", AFTER).accesses, audited("b", AFTER).accesses), [])
})

test("a policy that cannot be used is said to refuse everything", () => {
  const { system } = normalise(BEFORE, "x")
  const accesses = accessesOf(system, undefined, NOW)
  assert.match(auditText(undefined, { title: "x", accesses }, []), /the policy\n {2}! cannot be used/)
})

test("a kind of resource that this version does not know is not passed over", () => {
  const { system } = normalise(BEFORE, "x")
  const resources = { ...system.resources, home: { kind: "network" } } as never
  const accesses = accessesOf({ ...system, resources }, undefined, NOW)
  assert.match(
    accesses.map(({ sentence }) => sentence).join("\n"),
    /has `home` granted, of a kind \(`network`\) that this version does not know/,
  )
})

test("text that is made to mislead is written out", () => {
  const path = "~/Docu\u202ements/\u0440\u0430\u0443pal"
  const written = {
    ...BEFORE,
    resources: { ...BEFORE.resources, home: { kind: "directory", origin: { kind: "host", path } } },
  }
  const text = auditText(undefined, audited("x", written), [])
  assert.match(text, /~\/Docu\\u202ements\/\\u0440\\u0430\\u0443pal/)
})

const folder = mkdtempSync(join(tmpdir(), "skerry-audit-test-"))
test.after(() => rmSync(folder, { recursive: true }))

const PROGRAM = `import { writeFileSync } from "node:fs"
export default { applications: {}, instances: {} }
`

test("a program of somebody else is not run unasked, and said to be one", async () => {
  const directory = join(folder, "theirs")
  mkdirSync(directory)
  writeFileSync(join(directory, "skerry.config.ts"), PROGRAM)
  for (const word of [directory, join(directory, "skerry.config.ts")]) {
    const { status, stderr } = await runCommandLine(["audit-config", word], { cwd: folder })
    assert.equal(status, 1)
    assert.match(
      stderr,
      /is a program, and to learn what it says it has to be run\. Read it first; then --evaluate/,
    )
  }
})

test("skerry.json, a normalised configuration and a generation's record are read without running anything", async () => {
  const directory = join(folder, "json")
  mkdirSync(join(directory, "host-services"), { recursive: true })
  writeFileSync(join(directory, "skerry.json"), JSON.stringify(BEFORE))
  writeFileSync(join(directory, "host-services/my.Service.ts"), "export default async () => 0\n")
  const normalised = normalise(AFTER, "x")
  writeFileSync(join(folder, "shown.json"), normalised.canonicalJson)
  writeFileSync(join(folder, "9.json"), JSON.stringify({ system: normalised.system, number: 9 }))
  const ofDirectory = await runCommandLine(["audit-config", directory], { cwd: folder })
  assert.equal(ofDirectory.stderr, "")
  assert.match(
    ofDirectory.stdout,
    /this machine\n {2}! runs `host-services\/my\.Service\.ts` with your rights/,
  )
  assert.match(ofDirectory.stdout, /keeps its files in the tree `home`, at `\/home\/user`/)
  for (const file of ["shown.json", "9.json"]) {
    const { status, stdout, stderr } = await runCommandLine(["audit-config", file], { cwd: folder })
    assert.deepEqual([status, stderr], [0, ""])
    assert.match(stdout, /! may read and write `~\/Documents` of this machine/)
  }
})

test("a file that is no configuration, and one that is not there, are said to be so", async () => {
  writeFileSync(join(folder, "no.json"), "{")
  for (const [word, said] of [
    ["no.json", /is no configuration/],
    ["none", /no generation's number, and there is no such file/],
    ["77", /There is no generation 77/],
  ] as const) {
    const { status, stderr } = await runCommandLine(["audit-config", word], { cwd: folder })
    assert.notEqual(status, 0)
    assert.match(stderr, said)
  }
})
