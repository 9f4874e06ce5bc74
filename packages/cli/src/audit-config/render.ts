import { type Access, type AllowedCall, listed, named, type Subject } from "./access.ts"
import { groupedCalls, verdictWords, withOthers } from "./call-words.ts"
import { type Difference, subjectKey } from "./differences.ts"

const ORDER: readonly Subject["kind"][] = [
  "machine",
  "everybody",
  "instance",
  "disposables",
  "policy",
  "application",
  "resource",
  "settings",
]

const WEIGHTS: readonly Access["weight"][] = ["grave", "access", "detail"]
const SIGNS = ["+", "-", "~", " "] as const

const TITLES: Readonly<Record<Subject["kind"], (name: string) => string>> = {
  machine: () => "this machine",
  everybody: () => "every instance",
  instance: (name) => named(name),
  disposables: (name) => `disposables of ${named(name)}, where they differ from it`,
  policy: () => "the policy",
  application: (name) => `application ${named(name)}`,
  resource: (name) => `resource ${named(name)}`,
  settings: () => "settings",
}

interface Line {
  readonly sign: (typeof SIGNS)[number]
  readonly subject: Subject
  readonly weight: Access["weight"]
  readonly sentence: string
  /** Calls are told together; of one that changed, what it is now. */
  readonly call?: AllowedCall | undefined
  readonly now?: AllowedCall | undefined
}

/** Pure: everything that gives anyone access to anything, by subject, the gravest first. */
export function accessText(accesses: readonly Access[]): string {
  const granted = accesses.filter(({ weight }) => weight !== "detail")
  return blocks(
    granted.map((access) => ({ ...access, sign: " " })),
    instancesOf(accesses),
  )
}

/** Pure: what is new (+), no longer so (-), and otherwise (~). */
export function differenceText(differences: readonly Difference[], accesses: readonly Access[]): string {
  const lines = differences.map((difference): Line => {
    switch (difference.kind) {
      case "new":
        return { sign: "+", subject: difference.subject, weight: "grave", sentence: NEW }
      case "gone":
        return { sign: "-", subject: difference.subject, weight: "detail", sentence: "is gone" }
      case "added":
        return { ...difference.access, sign: "+" }
      case "removed":
        return { ...difference.access, sign: "-" }
      default: {
        const { before, after } = difference
        return { ...after, sign: "~", sentence: changeWords(before, after), now: before.call }
      }
    }
  })
  return blocks(lines, instancesOf(accesses))
}

/** Stands beside the title, and not as a sentence. */
const NEW = ""

function changeWords(before: Access, after: Access): string {
  if (before.items === undefined || after.items === undefined) {
    return `${after.sentence} (now: ${before.sentence})`
  }
  const came = after.items.filter((item) => before.items?.includes(item) === false)
  const went = before.items.filter((item) => after.items?.includes(item) === false)
  const words = [
    ...(came.length === 0 ? [] : [`also ${listed(came)}`]),
    ...(went.length === 0 ? [] : [`no longer ${listed(went)}`]),
  ]
  return `${after.topic}: ${words.join("; ") || "in another order"}`
}

const instancesOf = (accesses: readonly Access[]): readonly string[] => [
  ...new Set(accesses.flatMap(({ subject }) => (subject.kind === "instance" ? [subject.name] : []))),
]

function blocks(lines: readonly Line[], instances: readonly string[]): string {
  const generalised = [...Map.groupBy(lines, ({ subject }) => subjectKey(subject)).values()].flatMap(
    (ofSubject) => generalise(ofSubject, instances),
  )
  const bySubject = Map.groupBy(hoist(generalised, instances), ({ subject }) => subjectKey(subject))
  const groups = [...bySubject.values()].sort((a, b) => rankOf(a) - rankOf(b) || compareNames(a, b))
  return groups.map(blockOf).join("\n")
}

const rankOf = ([first]: readonly Line[]) => ORDER.indexOf(first?.subject.kind ?? "settings")
const compareNames = ([a]: readonly Line[], [b]: readonly Line[]) =>
  (a?.subject.name ?? "") < (b?.subject.name ?? "") ? -1 : 1

/** "any other instance" where all are meant. */
function generalise(ofSubject: readonly Line[], instances: readonly string[]): readonly Line[] {
  const others = instances.filter((name) => name !== ofSubject[0]?.subject.name)
  const groups = Map.groupBy(ofSubject, ({ sign, now }) => `${sign}${now?.verdict ?? ""}`)
  return [...groups.values()].flatMap((alike): readonly Line[] => {
    const [first] = alike.filter(({ call }) => call !== undefined)
    if (first === undefined) return alike
    const calls = alike.flatMap(({ call }) => call ?? [])
    return [
      ...alike.filter(({ call }) => call === undefined),
      ...withOthers(calls, others).map((call) => ({ ...first, call })),
    ]
  })
}

/** What holds for every instance is told once. */
function hoist(lines: readonly Line[], instances: readonly string[]): readonly Line[] {
  if (instances.length < 2) return lines
  const keyOf = ({ sign, call, now }: Line) => JSON.stringify([sign, call, now?.verdict])
  const ofInstances = lines.filter(({ subject, call }) => subject.kind === "instance" && call !== undefined)
  const common = [...Map.groupBy(ofInstances, keyOf)].filter(([, same]) => same.length === instances.length)
  const keys = new Set(common.map(([key]) => key))
  const subject: Subject = { kind: "everybody", name: "" }
  return [
    ...common.flatMap(([, [first]]) => (first === undefined ? [] : [{ ...first, subject }])),
    ...lines.filter(
      (line) => line.subject.kind !== "instance" || line.call === undefined || !keys.has(keyOf(line)),
    ),
  ]
}

function blockOf(group: readonly Line[]): string {
  const subject = group[0]?.subject ?? { kind: "settings", name: "" }
  const sentences = SIGNS.flatMap((sign) => {
    const ofSign = group.filter((line) => line.sign === sign)
    const plain = ofSign.filter(({ call, sentence }) => call === undefined && sentence !== NEW)
    const called = Map.groupBy(
      ofSign.filter(({ call }) => call !== undefined),
      ({ now }) => (now === undefined ? "" : ` (now: ${verdictWords(now)})`),
    )
    return [
      ...WEIGHTS.flatMap((weight) =>
        plain
          .filter((line) => line.weight === weight)
          .map(({ sentence }) => `${sign} ${weight === "grave" ? "! " : ""}${sentence}`),
      ),
      ...[...called].flatMap(([now, alike]) =>
        groupedCalls(alike.flatMap(({ call }) => call ?? [])).map((words) => `${sign} ${words}${now}`),
      ),
    ]
  })
  const isNew = group.some(({ sentence }) => sentence === NEW) ? " (new)" : ""
  return `${TITLES[subject.kind](subject.name)}${isNew}\n${sentences.map((line) => `  ${line.trimStart()}\n`).join("")}`
}
