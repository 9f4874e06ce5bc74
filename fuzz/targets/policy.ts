import assert from "node:assert/strict"
import { evaluate, explain, lint, loadPolicy, PolicyError, systemView } from "@skerry/policy"
import { mutate } from "../mutate.ts"
import type { Prng } from "../prng.ts"
import type { FuzzTarget } from "../target.ts"

/*
 * The first line is a request as a guest may make it, the rest is a policy in files: `--- NAME` begins each. Whatever
 * stands in either, there is a decision or a PolicyError.
 */

const EXAMPLES: readonly [string, ...string[]] = [
  `qubes.Filecopy + mail work
--- 30-a.policy
qubes.Filecopy * @tag:net work allow target=@dispvm:paper user=root notify=yes autostart=no
qubes.Filecopy +x @anyvm @default ask default_target=vault target=work
* * * @dispvm:@tag:net deny notify=no
`,
  `a.One +report.pdf mail @dispvm:paper
--- 10-a.policy
!include include/b
!include-dir more
!include-service a.One +x c
!compat-4.0
--- include/b
a.One * mail @dispvm allow arg~=*.pdf expires=2027-01-31T18:00+02:00 once
--- c
mail $dispvm:paper allow,user=root
$include:include/d
--- include/d
--- more/20-x.policy
a.One * uuid:11111111-2222-3333-4444-555555555555 @type:AppVM ask
--- compat-4.0/a.One+x
mail work allow
`,
]

const common = { tags: ["net"], type: "AppVM", templateForDisposables: false, isRunning: true }
const system = systemView({
  dom0: { ...common, type: "AdminVM", uuid: "00000000-0000-0000-0000-000000000000" },
  mail: { ...common, defaultDisposable: "paper" },
  work: { ...common, isRunning: false, uuid: "11111111-2222-3333-4444-555555555555" },
  paper: { ...common, templateForDisposables: true, defaultDisposable: "gone" },
  hidden: { ...common, isInternal: true },
})
const offered = new Set(["dom0", "mail", "work", "paper", "@dispvm:paper", "@dispvm:gone"])

export const policy: FuzzTarget = {
  name: "policy",
  generate: (prng: Prng) =>
    prng.chance(16) ? prng.bytes(prng.below(256)) : mutate(prng, Buffer.from(prng.pick(EXAMPLES))),
  check(untrustedInput) {
    const [first = "", ...rest] = Buffer.from(untrustedInput).toString("utf8").split("\n")
    const [service = "", argument = "", source = "", target = ""] = first.split(" ")
    const files = new Map<string, string>()
    for (const part of rest.join("\n").split(/^--- /m)) {
      const end = part.indexOf("\n")
      if (end > 0) files.set(part.slice(0, end), part.slice(end + 1))
    }
    let loaded: ReturnType<typeof loadPolicy>
    try {
      loaded = loadPolicy(files)
    } catch (error) {
      if (error instanceof PolicyError) return
      throw error
    }
    const request = { service, argument, source, target }
    const moment = { nowMs: Date.UTC(2026, 6) }
    const decision = evaluate(loaded, system, request, moment)
    assert.deepEqual(explain(loaded, system, request, moment).decision, decision)
    lint(loaded, files, system, moment)
    if (decision.kind !== "ask") return
    assert.ok(decision.targets.length > 0)
    const { action } = decision.rule
    const only = action.kind === "ask" ? action.redirect : undefined
    if (only === undefined) assert.ok(decision.targets.every((each) => offered.has(each) && each !== source))
    if (decision.defaultTarget !== undefined) assert.ok(decision.targets.includes(decision.defaultTarget))
  },
}
