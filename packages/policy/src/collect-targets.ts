import { unreachable } from "@skerry/model"
import { compareBytes } from "./path.ts"
import type { Rule } from "./rule.ts"
import type { Caller, SystemView } from "./system-view.ts"
import { ADMIN_NAME, type Token } from "./token.ts"

const DISPOSABLE = "@dispvm"

/**
 * Targets for a prompt. The rules for this service, argument and source are walked from the last to the first: allow
 * and ask add what they name, deny takes it away. Sorted. The host counts as one target, whichever of its names a rule
 * has, so that a rule that denies it does.
 */
export function collectTargets(
  candidates: readonly Rule[],
  caller: Caller,
  system: SystemView,
): readonly string[] {
  const found = new Set<string>()
  for (let index = candidates.length - 1; index >= 0; index--) {
    const rule = candidates[index]
    if (rule === undefined) continue
    const { action } = rule
    if (action.kind === "deny") for (const text of system.expansion(rule.target, expand)) found.delete(text)
    else for (const text of system.expansion(action.redirect ?? rule.target, expand)) found.add(text)
  }
  if (found.delete(DISPOSABLE)) {
    const made = caller.domain?.defaultDisposable
    if (made !== undefined) found.add(`${DISPOSABLE}:${made}`)
  }
  const isOffered = (text: string): boolean => {
    if (text === caller.text) return false
    const domain = system.domain(text.startsWith(`${DISPOSABLE}:`) ? text.slice(DISPOSABLE.length + 1) : text)
    return (
      domain?.isInternal !== true &&
      (text.startsWith("@") || domain !== caller.domain || domain === undefined)
    )
  }
  return [...found].filter(isOffered).sort(compareBytes)
}

/** Every target that a token means, the domains by name. */
export function expand(token: Token, system: SystemView): readonly string[] {
  switch (token.kind) {
    case "name": {
      const domain = system.domain(token.text)
      return domain === undefined ? [] : [domain.name]
    }
    case "admin":
      return [ADMIN_NAME]
    case "everything":
    case "any-domain": {
      const isAny = token.kind === "everything"
      const names = system.domains.filter(({ type }) => isAny || type !== "AdminVM").map(({ name }) => name)
      return [...names, ...disposables(system, () => true), DISPOSABLE]
    }
    case "default":
      return []
    case "disposable":
      return [DISPOSABLE]
    case "disposable-of": {
      const domain = system.domain(token.value)
      return domain?.templateForDisposables === true ? [`${DISPOSABLE}:${domain.name}`] : []
    }
    case "disposable-tag":
      return disposables(system, (tags) => tags.has(token.value))
    case "tag":
      return system.domains.filter(({ tagSet }) => tagSet.has(token.value)).map(({ name }) => name)
    case "type":
      return system.domains.filter(({ type }) => type === token.value).map(({ name }) => name)
    default:
      return unreachable(token)
  }
}

const disposables = (system: SystemView, isWanted: (tags: ReadonlySet<string>) => boolean): string[] =>
  system.domains
    .filter(({ templateForDisposables, tagSet }) => templateForDisposables && isWanted(tagSet))
    .map(({ name }) => `${DISPOSABLE}:${name}`)
