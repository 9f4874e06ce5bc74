import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import {
  type Grant,
  type Instance,
  type InstanceName,
  type ResourceName,
  type ServiceResource,
  SYSTEM_VERSION,
  type System,
} from "@skerry/model"
import { evaluate } from "./evaluate.ts"
import { dotOf, policyGraph } from "./graph.ts"
import { lint } from "./lint.ts"
import { loadPolicy } from "./load.ts"
import { CONFIGURATION_FILE, disposableTag, factsOfSystem, rulesOfConfiguration } from "./of-configuration.ts"
import { systemView } from "./system-view.ts"
import { domain, policyOf, request, smallSystem } from "./testing.ts"

const shipped = readFileSync(join(import.meta.dirname, "../../../share/policy.d/90-default.policy"), "utf8")

function systemOf(
  instances: Readonly<Record<string, Partial<Instance>>>,
  resources: Readonly<Record<string, ServiceResource>>,
): System {
  const complete = (more: Partial<Instance>) =>
    ({
      tags: [],
      grants: [],
      disposableTemplate: false,
      defaultDisposable: null,
      ...more,
    }) as unknown as Instance
  return {
    version: SYSTEM_VERSION,
    applications: {},
    resources,
    instances: Object.fromEntries(Object.entries(instances).map(([name, each]) => [name, complete(each)])),
    settings: { defaultDisposable: "paper" as InstanceName } as System["settings"],
  }
}

const grants = (...names: readonly string[]): readonly Grant[] =>
  names.map((name) => ({ resource: name as ResourceName, at: null, access: null }))
const service = (more: Partial<ServiceResource>): ServiceResource => ({
  kind: "service",
  service: "a.Keys",
  argument: "*",
  target: "vault",
  verdict: "ask",
  ...more,
})

const system = systemOf(
  {
    mail: { grants: grants("keys", "date") },
    work: { grants: grants("keys", "spare") },
    vault: {},
    paper: { disposableTemplate: true },
  },
  {
    keys: service({}),
    spare: service({ target: "paper", verdict: "allow" }),
    date: service({ service: "a.Date", target: "@adminvm", argument: "+utc", verdict: "allow" }),
  },
)
const policy = loadPolicy(
  new Map([
    [CONFIGURATION_FILE, rulesOfConfiguration(system)],
    ["90-default.policy", shipped],
  ]),
)
const facts = factsOfSystem(system, () => true)
const view = systemView({
  ...facts,
  "mail-x7k2q9": domain({ type: "DispVM", tags: [disposableTag("mail")] }),
})

const decided = (source: string, target: string, name: string) =>
  evaluate(policy, view, request(name, { source, target }))

test("a grant lets its instance call, named or not, and the disposables of it too", () => {
  for (const source of ["mail", "mail-x7k2q9"]) {
    for (const target of ["vault", ""]) {
      const decision = decided(source, target, "a.Keys")
      assert.deepEqual(decision.kind === "ask" && decision.targets, ["vault"], `${source} → ${target}`)
    }
    assert.equal(decided(source, "", "a.Date+utc").kind, "allow")
    assert.equal(decided(source, "dom0", "a.Date+local").kind, "deny")
  }
})

test("a grant says nothing about other instances", () => {
  assert.equal(decided("vault", "mail", "a.Keys").kind, "deny")
  assert.equal(decided("mail", "paper", "a.Keys").kind, "deny")
})

test("an instance that has one service granted from two chooses, where it names none", () => {
  const decision = decided("work", "", "a.Keys")
  assert.deepEqual(decision.kind === "ask" && decision.targets, ["paper", "vault"])
  assert.equal(decided("work", "paper", "a.Keys").kind, "allow")
})

test("the rules that are shipped can be used, and none of them is dead", () => {
  const files = new Map([["90-default.policy", shipped]])
  assert.deepEqual(lint(loadPolicy(files), files, view), [])
})

test("by default a domain changes nothing of another without being asked about, and rules nobody", () => {
  const kinds = (name: string, target: string) => decided("mail", target, name).kind
  assert.equal(kinds("qubes.Filecopy", "vault"), "ask")
  assert.equal(kinds("qubes.OpenURL", "@dispvm"), "allow")
  assert.equal(kinds("qubes.OpenURL", "vault"), "ask")
  assert.equal(kinds("qubes.VMShell", "vault"), "deny")
  assert.equal(kinds("qubes.VMShell", "@adminvm"), "deny")
  assert.equal(kinds("qubes.ConnectTCP+22", "vault"), "deny")
  assert.equal(kinds("qubes.GetDate", "dom0"), "allow")
  assert.equal(kinds("skerry.Confirm", "@adminvm"), "allow")
  for (const name of ["admin.vm.List", "admin.vm.Start", "policy.List", "x.Unknown"]) {
    for (const target of ["dom0", "vault", "@dispvm", ""]) assert.equal(kinds(name, target), "deny")
  }
  assert.equal(kinds("qubes.Filecopy", "dom0"), "deny")
})

test("the graph has allowed calls, asked ones where they are wanted, and quotes what is in names", () => {
  const small = policyOf("a.One * mail work allow", "a.One +x work vault ask", "b.Two * mail * deny")
  const domains = smallSystem({ 'odd"name\\': domain() })
  assert.deepEqual(policyGraph(small, domains).edges, [
    { from: "mail", to: "work", label: "a.One", verdict: "allow" },
  ])
  const asked = policyGraph(small, domains, { ask: true, full: true, services: ["a.One+x"] })
  assert.deepEqual(
    asked.edges.map(({ label }) => label),
    ["a.One allow", "a.One+x ask"],
  )
  const odd = policyGraph(policyOf('a.One * odd"name\\ work allow'), domains)
  assert.match(dotOf(odd), /^digraph g \{\n {2}"odd\\"name\\\\" \[penwidth = 3\];/)
})
