import assert from "node:assert/strict"
import { test } from "node:test"
import { collectTargets } from "./collect-targets.ts"
import { type Decision, deny } from "./decision.ts"
import { counts, evaluate, type Moment, type PolicyRequest } from "./evaluate.ts"
import type { Policy } from "./load.ts"
import { sourceMatches, targetMatches } from "./match.ts"
import { resolve } from "./resolve.ts"
import type { SystemView } from "./system-view.ts"
import { domain, policyOf, request, smallSystem } from "./testing.ts"

/** What evaluate() promises, without index and without keeping: one rule after the other. */
function naively(policy: Policy, system: SystemView, asked: PolicyRequest, moment: Moment): Decision {
  const target = system.target(asked.target)
  if (target.kind === "bad-syntax") return { kind: "error", code: "syntax", reason: target.reason }
  if (target.kind === "refused") return deny(target.reason, true)
  const caller = system.caller(asked.source)
  const candidates = policy.rules.filter(
    (rule) =>
      (rule.service === undefined || rule.service === asked.service) &&
      (rule.argument === undefined || rule.argument === asked.argument) &&
      sourceMatches(rule.source, caller, system) &&
      counts(rule, asked.argument, moment),
  )
  const rule = candidates.find((each) => targetMatches(each.target, target, caller, system))
  if (rule === undefined) return deny("No rule matches", true)
  return resolve(rule, () => collectTargets(candidates, caller, system), target, caller, system)
}

function dice(seed: number): (count: number) => number {
  let state = seed
  return (count) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff
    return (state >>> 8) % count
  }
}

const SERVICES = ["a.One", "a.Two", "a.Three", "*"]
const ARGUMENTS = ["*", "*", "*", "+", "+x", "+y"]
const SOURCES = ["mail", "work", "@anyvm", "*", "@tag:net", "@tag:office", "@type:AppVM", "gone"]
const TARGETS = [...SOURCES, "@default", "@dispvm", "@dispvm:paper", "@dispvm:@tag:net", "@adminvm", "vault"]
const ACTIONS = ["allow", "ask", "deny", "deny notify=no", "allow user=root", "ask default_target=work"]
const EXTRAS = ["", "", "", "", " expires=2026-06-01", " arg~=x*"]
const REQUESTED = [
  "work",
  "vault",
  "mail",
  "gone",
  "",
  "@dispvm",
  "@dispvm:paper",
  "@adminvm",
  "dom0",
  "@anyvm",
]

test("what is found by index and kept is what the first matching rule says", () => {
  let compared = 0
  for (let seed = 1; seed <= 150; seed++) {
    const below = dice(seed * 7919)
    const pick = (words: readonly string[]) => words[below(words.length)] ?? ""
    const lines = Array.from({ length: 1 + below(30) }, () => {
      const service = pick(SERVICES)
      const argument = service === "*" ? "*" : pick(ARGUMENTS)
      const extra = service === "*" || argument !== "*" ? "" : pick(EXTRAS)
      const target = pick(TARGETS)
      const action = pick(ACTIONS)
      const redirect = target === "@default" && action.startsWith("allow") ? " target=vault" : ""
      return `${service} ${argument} ${pick(SOURCES)} ${target} ${action}${redirect}${extra}`
    })
    const policy = policyOf(...lines)
    const system = smallSystem()
    for (let round = 0; round < 150; round++) {
      const asked = request(pick(["a.One", "a.Two", "a.Three", "a.Other"]), {
        argument: pick(["+", "+x", "+y", "+z"]),
        source: pick(["mail", "work", "gone", "dom0", "paper"]),
        target: pick(REQUESTED),
      })
      const moment = { nowMs: Date.UTC(2026, below(2) === 0 ? 0 : 11) }
      assert.deepEqual(
        evaluate(policy, system, asked, moment),
        naively(policy, system, asked, moment),
        `${lines.join("\n")}\n${JSON.stringify(asked)}`,
      )
      compared += 1
    }
  }
  assert.equal(compared, 22_500)
})

test("a decision is kept, and is the same object the next time", () => {
  const policy = policyOf("a.One * @anyvm @anyvm allow")
  const system = smallSystem()
  assert.equal(evaluate(policy, system, request("a.One")), evaluate(policy, system, request("a.One")))
})

test("another state of the domains is another question", () => {
  const policy = policyOf("a.One * * vault allow autostart=no")
  const asked = request("a.One", { target: "vault" })
  assert.equal(evaluate(policy, smallSystem(), asked).kind, "deny")
  const awake = smallSystem({ vault: domain() })
  assert.equal(evaluate(policy, awake, asked).kind, "allow")
  assert.equal(evaluate(policy, smallSystem(), asked).kind, "deny")
})

test("names that no domain has are answered and not kept", () => {
  const policy = policyOf("a.One * @anyvm work allow")
  const system = smallSystem()
  const before = process.memoryUsage().heapUsed
  for (let at = 0; at < 200_000; at++) {
    const asked = request("a.One", { source: `gone-${at}`, target: at % 2 === 0 ? "work" : `lost-${at}` })
    assert.equal(evaluate(policy, system, asked).kind, at % 2 === 0 ? "allow" : "deny")
  }
  assert.ok(process.memoryUsage().heapUsed - before < 100 * 1024 * 1024)
})

test("more decisions than are kept are all right", () => {
  const names = Array.from({ length: 400 }, (_, at) => `vm-${at}`)
  const system = smallSystem(Object.fromEntries(names.map((name) => [name, domain()])))
  const policy = policyOf("a.One * vm-1 vm-2 deny", "a.One * @anyvm @anyvm allow")
  for (const source of names) {
    for (const target of names) {
      const { kind } = evaluate(policy, system, request("a.One", { source, target }))
      const isDenied = source === target || (source === "vm-1" && target === "vm-2")
      assert.equal(kind, isDenied ? "deny" : "allow")
    }
  }
})
