import assert from "node:assert/strict"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { assertGolden } from "../../../tools/golden.ts"
import type { Decision } from "./decision.ts"
import { evaluate } from "./evaluate.ts"
import { loadPolicy } from "./load.ts"
import { PolicyError } from "./policy-error.ts"
import { mergeDirectories } from "./policy-files.ts"
import { ruleKey, ruleShown } from "./rule.ts"
import { type DomainFacts, type SystemView, systemView } from "./system-view.ts"

/*
 * One file per behaviour: `--- domains` with one domain a line, `--- FILE` for each file of the policy (`below/FILE`:
 * of the directory that counts less), `--- questions` with SOURCE TARGET SERVICE[+ARGUMENT] a line. After `===` the
 * answer to each. A question may begin with `at TIME`, or with `spent` once rules with `once` are used up.
 */
const folder = join(import.meta.dirname, "../../../testdata/policy")

interface Scenario {
  readonly system: SystemView
  readonly files: ReadonlyMap<string, string>
  readonly questions: readonly string[]
}

/** NAME TYPE [tags=A,B] [disposables] [default=NAME] [halted] [internal] [uuid=U] */
function domainOf(line: string): [string, DomainFacts] {
  const [name = "", type = "", ...words] = line.trim().split(/\s+/)
  const value = (key: string) => words.find((word) => word.startsWith(`${key}=`))?.slice(key.length + 1)
  return [
    name,
    {
      type,
      tags: value("tags")?.split(",") ?? [],
      templateForDisposables: words.includes("disposables"),
      defaultDisposable: value("default"),
      isRunning: !words.includes("halted"),
      isInternal: words.includes("internal"),
      uuid: value("uuid"),
    },
  ]
}

function read(given: string): Scenario {
  const parts = new Map<string, string>()
  for (const [, name = "", text = ""] of given.matchAll(/^--- (.*)\n((?:(?!--- ).*\n)*)/gm))
    parts.set(name, text)
  const linesOf = (name: string) => (parts.get(name) ?? "").split("\n").filter((line) => /^[^#]/.test(line))
  const own = new Map<string, string>()
  const below = new Map<string, string>()
  for (const [name, text] of parts) {
    if (name.startsWith("below/")) below.set(name.slice("below/".length), text)
    else if (name !== "domains" && name !== "questions") own.set(name, text)
  }
  return {
    system: systemView(Object.fromEntries(linesOf("domains").map(domainOf))),
    files: mergeDirectories([own, below]),
    questions: linesOf("questions"),
  }
}

function shown(decision: Decision): string {
  const more = (parts: Readonly<Record<string, string | boolean | undefined>>) =>
    Object.entries(parts)
      .flatMap(([name, value]) =>
        value === undefined || value === false ? [] : [value === true ? name : `${name}=${value}`],
      )
      .map((part) => ` ${part}`)
      .join("")
  switch (decision.kind) {
    case "allow":
    case "ask": {
      const { user, notify, autostart, rule } = decision
      const what = decision.kind === "allow" ? decision.target : `[${decision.targets.join(" ")}]`
      const preferred = decision.kind === "ask" ? decision.defaultTarget : undefined
      const rest = more({ default: preferred, user, notify, noautostart: !autostart })
      return `${decision.kind} ${what}${rest} by ${ruleShown(rule)}`
    }
    case "deny":
      return `deny${decision.notify ? "" : " quietly"}: ${decision.reason}`
    default:
      return `${decision.kind} ${decision.code}: ${decision.reason}`
  }
}

function answersOf({ system, files, questions }: Scenario): readonly string[] {
  let policy: ReturnType<typeof loadPolicy>
  try {
    policy = loadPolicy(files)
  } catch (error) {
    assert.ok(error instanceof PolicyError, String(error))
    return error.message.split("\n")
  }
  return questions.map((line) => {
    const found = /^(?:at (\S+) |(spent) )?(\S+) (\S+) ([^\s+]+)(\S*)$/.exec(line)
    assert.ok(found, `no question: ${line}`)
    const [, time, spent, source = "", target = "", service = "", argument = ""] = found
    const moment = {
      ...(time === undefined ? {} : { nowMs: Date.parse(time) }),
      ...(spent === undefined ? {} : { spent: new Set(policy.rules.map(ruleKey)) }),
    }
    const request = { service, argument: argument || "+", source, target: target === "-" ? "" : target }
    const decision = evaluate(policy, system, request, moment)
    // What is kept must be what was found.
    assert.deepEqual(evaluate(policy, system, request, moment), decision)
    return `${line} → ${shown(decision)}`
  })
}

for (const name of readdirSync(folder)) {
  test(`policy: ${name.replace(".txt", "").replaceAll("-", " ")}`, () => {
    const path = join(folder, name)
    const [given = ""] = readFileSync(path, "utf8").split(/^===$/m)
    assertGolden(path, `${given}===\n${answersOf(read(given)).join("\n")}\n`)
  })
}
