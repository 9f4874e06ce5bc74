import { type Access, OTHERS, type Subject } from "./access.ts"
import { withOthers } from "./call-words.ts"

export type Difference =
  /** Somebody that was not there; what it may follows as "added". */
  | { readonly kind: "new"; readonly subject: Subject }
  | { readonly kind: "gone"; readonly subject: Subject }
  | { readonly kind: "added"; readonly access: Access }
  | { readonly kind: "removed"; readonly access: Access }
  | { readonly kind: "changed"; readonly before: Access; readonly after: Access }

export const subjectKey = ({ kind, name }: Subject): string => `${kind} ${name}`

const keyOf = ({ subject, topic }: Access) => `${subjectKey(subject)} ${topic}`

/** Pure: what `after` says that `before` does not, what it no longer says, and what it says otherwise. */
export function differences(before: readonly Access[], after: readonly Access[]): readonly Difference[] {
  const [earlier, later] = [new Overview(before), new Overview(after)]
  const found: Difference[] = []
  for (const [key, subject] of later.subjects) {
    if (isNamed(subject) && !earlier.subjects.has(key)) found.push({ kind: "new", subject })
  }
  for (const [key, access] of later.byKey) {
    const old = earlier.byKey.get(key)
    if (old !== undefined) {
      if (!isSame(old, access)) found.push({ kind: "changed", before: old, after: access })
    } else if (!followsFromNewcomers(access, earlier, later)) found.push({ kind: "added", access })
  }
  for (const [key, access] of earlier.byKey) {
    const isGone = isNamed(access.subject) && !later.subjects.has(subjectKey(access.subject))
    if (later.byKey.has(key) || isGone || followsFromNewcomers(access, later, earlier)) continue
    found.push({ kind: "removed", access })
  }
  for (const [key, subject] of earlier.subjects) {
    if (isNamed(subject) && !later.subjects.has(key)) found.push({ kind: "gone", subject })
  }
  return found
}

const isNamed = ({ name }: Subject) => name !== ""

function isSame(a: Access, b: Access): boolean {
  // Several values may read the same in a sentence.
  return a.sentence === b.sentence && JSON.stringify(a.items) === JSON.stringify(b.items)
}

/**
 * Who may call in any other instance may also call in one that came; one that came may what every instance may. Neither is
 * news.
 */
function followsFromNewcomers({ subject, call }: Access, without: Overview, having: Overview): boolean {
  if (call === undefined) return false
  const general = JSON.stringify({ ...call, target: having.isInstance(call.target) ? OTHERS : call.target })
  if (!without.isInstance(subject.name)) return having.common.has(general) && without.common.has(general)
  if (without.isInstance(call.target) || !having.isInstance(call.target)) return false
  const key = subjectKey(subject)
  return having.general.get(key)?.has(general) === true && without.general.get(key)?.has(general) === true
}

/** What one configuration says, by subject. */
class Overview {
  readonly byKey: ReadonlyMap<string, Access>
  readonly subjects: ReadonlyMap<string, Subject>
  /** Calls of each subject, "any other instance" where all are meant. */
  readonly general: ReadonlyMap<string, ReadonlySet<string>>
  /** What every instance may. */
  readonly common: ReadonlySet<string>
  readonly #instances: ReadonlySet<string>

  constructor(accesses: readonly Access[]) {
    this.byKey = new Map(accesses.map((access) => [keyOf(access), access]))
    this.subjects = new Map(accesses.map(({ subject }) => [subjectKey(subject), subject]))
    const instances = [...this.subjects.values()].flatMap(({ kind, name }) =>
      kind === "instance" ? [name] : [],
    )
    this.#instances = new Set(instances)
    const bySubject = Map.groupBy(accesses, ({ subject }) => subjectKey(subject))
    this.general = new Map(
      [...bySubject].map(([key, ofSubject]) => {
        const others = instances.filter((name) => name !== ofSubject[0]?.subject.name)
        const calls = withOthers(
          ofSubject.flatMap(({ call }) => call ?? []),
          others,
        )
        return [key, new Set(calls.map((call) => JSON.stringify(call)))]
      }),
    )
    const [first, ...rest] = instances.map((name) => this.general.get(subjectKey({ kind: "instance", name })))
    this.common = new Set([...(first ?? [])].filter((call) => rest.every((each) => each?.has(call) === true)))
  }

  isInstance(name: string): boolean {
    return this.#instances.has(name)
  }
}
