import assert from "node:assert/strict"
import { test } from "node:test"
import { decideAnswer } from "./decide-answer.ts"
import type { Ask, Decision } from "./decision.ts"
import { evaluate } from "./evaluate.ts"
import { globMatches } from "./glob.ts"
import { routeCall } from "./route.ts"
import { domain, policyOf, request, smallSystem } from "./testing.ts"

function asked(decision: Decision): Ask {
  assert.equal(decision.kind, "ask")
  return decision as Ask
}

test("the user may choose what was offered, and nothing else", () => {
  const policy = policyOf("a.One * mail work ask notify=yes user=root", "a.One * mail vault allow")
  const ask = asked(evaluate(policy, smallSystem(), request("a.One")))
  const allowed = decideAnswer(ask, { kind: "allow", target: "vault" })
  assert.deepEqual(
    [allowed.kind, allowed.kind === "allow" && allowed.target, allowed.kind === "allow" && allowed.user],
    ["allow", "vault", "root"],
  )
  for (const target of ["paper", "dom0", "@dispvm", "", "constructor", "vault "]) {
    const refused = decideAnswer(ask, { kind: "allow", target })
    assert.deepEqual([refused.kind, refused.notify], ["deny", true])
  }
})

test("a refusal by the user is told as the rule says", () => {
  for (const [more, notify] of [
    ["", false],
    [" notify=yes", true],
  ] as const) {
    const ask = asked(evaluate(policyOf(`a.One * mail work ask${more}`), smallSystem(), request("a.One")))
    assert.deepEqual(decideAnswer(ask, { kind: "deny" }).notify, notify)
  }
})

test("a decision cannot be changed by who gets it", () => {
  const system = smallSystem()
  const policy = policyOf("a.One * mail work ask")
  const ask = asked(evaluate(policy, system, request("a.One")))
  assert.throws(() => (ask.targets as string[]).push("vault"), TypeError)
  assert.throws(() => Object.assign(ask, { kind: "allow" }), TypeError)
})

const remote = (more = {}) =>
  domain({ type: "RemoteVM", relay: "work", transportService: "t.Carry", ...more })

test("a call to a domain elsewhere goes to its relay, with all that it is", () => {
  const system = smallSystem({ far: remote() })
  const asks = request("a.One+x", { target: "far" })
  const decision = evaluate(policyOf("a.One * mail far allow user=root"), system, asks)
  assert.ok(decision.kind === "allow")
  assert.deepEqual(routeCall(decision, asks, system), {
    target: "work",
    user: undefined,
    service: "t.Carry+far+a.One+x",
  })
  for (const more of [{ relay: undefined }, { transportService: undefined }]) {
    const broken = routeCall(decision, asks, smallSystem({ far: remote(more) }))
    assert.equal("kind" in broken && broken.kind, "deny")
  }
})

test("only its relay may call for a domain elsewhere", () => {
  const system = smallSystem({ far: remote() })
  const policy = policyOf("a.One * far vault allow")
  const from = (source: string, relayedFor: string) =>
    evaluate(policy, system, request("a.One", { source, target: "vault", relayedFor })).kind
  assert.equal(from("work", "far"), "allow")
  for (const [source, relayedFor] of [
    ["mail", "far"],
    ["work", "mail"],
    ["work", "gone"],
  ] as const) {
    assert.equal(from(source, relayedFor), "error")
  }
})

test("an argument that does not begin with + is no request", () => {
  const decision = evaluate(policyOf("* * * * allow"), smallSystem(), request("a.One", { argument: "x" }))
  assert.deepEqual(decision.kind === "error" && decision.code, "request")
})

test("a pattern matches the whole argument", () => {
  const cases: readonly [string, string, boolean][] = [
    ["*", "", true],
    ["?", "", false],
    ["a*c", "abc", true],
    ["a*c", "abcd", false],
    ["*a*b*", "xxaxxbxx", true],
    ["a?c", "abc", true],
    ["**", "x", true],
    ["*.pdf", ".pdf", true],
    ["a", "ab", false],
    ["*aab", "aaaab", true],
  ]
  for (const [glob, text, fits] of cases) assert.equal(globMatches(glob, text), fits, `${glob} ${text}`)
})

test("a pattern that is made to be slow takes less than a second for the longest argument", () => {
  const startMs = performance.now()
  assert.equal(globMatches(`${"*a".repeat(127)}*b`, "a".repeat(60_000)), false)
  assert.equal(globMatches(`*${"a".repeat(254)}b`, "a".repeat(60_000)), false)
  assert.ok(performance.now() - startMs < 1000, `${performance.now() - startMs} ms`)
})
