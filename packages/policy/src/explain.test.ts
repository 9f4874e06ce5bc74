import assert from "node:assert/strict"
import { test } from "node:test"
import { describeNearMiss, explain } from "./explain.ts"
import { lint } from "./lint.ts"
import { loadPolicy } from "./load.ts"
import { domain, policyOf, request, smallSystem } from "./testing.ts"

test("the rule that decided is named, and earlier ones that differ in one respect", () => {
  const policy = policyOf(
    "a.One * vault work deny",
    "a.One +x mail work deny",
    "a.One * mail vault deny",
    "a.On * mail work deny",
    "b.Other * mail work deny",
    "a.One * vault vault deny",
    "a.One * mail work deny expires=2020-01-01",
    "a.One * mail work allow",
    "a.One * mail work ask",
  )
  const asked = request("a.One")
  const { decision, nearMisses } = explain(policy, smallSystem(), asked, { nowMs: Date.UTC(2026, 1) })
  assert.equal(decision.kind === "allow" ? decision.rule.line : undefined, 8)
  assert.deepEqual(
    nearMisses.map(({ rule, differs }) => [rule.line, differs]),
    [
      [1, "source"],
      [2, "argument"],
      [3, "target"],
      [4, "service"],
      [7, "condition"],
    ],
  )
  const said = nearMisses.map(({ rule, differs }) => describeNearMiss(rule, differs, asked))
  assert.equal(said[0], "its source is vault, which mail is not")
})

test("where nothing decides, a name that does not exist explains it", () => {
  const policy = policyOf("a.One * mail wrok allow")
  const { decision, target, nearMisses } = explain(
    policy,
    smallSystem(),
    request("a.One", { target: "wrok" }),
  )
  assert.equal(decision.kind, "deny")
  assert.equal(target, "@default")
  assert.deepEqual(
    nearMisses.map(({ differs }) => differs),
    ["target"],
  )
})

function lintOf(files: Readonly<Record<string, string>>): readonly string[] {
  const all = new Map(Object.entries(files))
  return lint(loadPolicy(all), all, smallSystem({ home: domain({ tags: ["private"] }) }), {
    nowMs: Date.UTC(2026, 6),
  }).map(({ file, line, kind, message }) => `${file}:${line} ${kind}: ${message}`)
}

test("rules that never decide are found, whatever domains there are", () => {
  const found = lintOf({
    "30-a.policy": [
      "a.One * @anyvm @anyvm ask",
      "a.One * mail work allow",
      "a.One * mail dom0 allow",
      "a.One * mail @dispvm deny",
      "a.One +x mail * deny",
      "* * * @adminvm deny",
      "a.Two * mail dom0 allow",
      "a.Three * mail work allow arg~=x",
      "a.Three * mail work deny",
    ].join("\n"),
  })
  assert.deepEqual(
    found.map((each) => each.split(" ")[0]),
    ["30-a.policy:2", "30-a.policy:4", "30-a.policy:7"],
  )
  assert.match(found[0] ?? "", /dead-rule: It never decides: 30-a.policy:1 matches all/)
})

test("names and tags that nobody has are found, with what was probably meant", () => {
  assert.deepEqual(
    lintOf({
      "30-a.policy":
        "a.One * mial work allow\na.Two * @tag:privat @dispvm:work ask default_target=vualt\na.Three * @tag:disposable-of-paper dom0 allow",
    }),
    [
      '30-a.policy:1 unknown-name: There is no instance "mial": did you mean mail?',
      '30-a.policy:2 unknown-tag: No instance has the tag "privat": did you mean private?',
      '30-a.policy:2 no-disposables: "work" is no template for disposables, so that @dispvm:work never is a target',
      '30-a.policy:2 unknown-name: There is no instance "vualt": did you mean vault?',
    ],
  )
})

test("files that are not read, and rules that have ended, are found", () => {
  assert.deepEqual(
    lintOf({
      "30-a.policy": "!include used\na.One * mail work allow expires=2026-01-01",
      used: "",
      "a.polcy": "x",
      "more/b.policy": "",
    }),
    [
      "30-a.policy:2 expired: It has expired, and does not count any more",
      "a.polcy:0 unread-file: It is not read: its name does not end in .policy, and nothing includes it",
      "more/b.policy:0 unread-file: It is not read: nothing includes it",
    ],
  )
})
