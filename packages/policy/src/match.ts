import { unreachable } from "@skerry/model"
import type { Caller, SystemView, Target } from "./system-view.ts"
import { isAdminText, type Token } from "./token.ts"

const isAdminCaller = ({ text, domain }: Caller): boolean => domain?.isAdmin === true || isAdminText(text)

export function sourceMatches(token: Token, caller: Caller, system: SystemView): boolean {
  switch (token.kind) {
    case "everything":
      return true
    case "any-domain":
      return !isAdminCaller(caller)
    case "admin":
      return isAdminCaller(caller)
    case "name":
      return isSame(token.text, caller.text, system)
    case "tag":
      return caller.domain?.tagSet.has(token.value) === true
    case "type":
      return caller.domain?.type === token.value
    // A caller is a domain: what a disposable was made of is no part of its name.
    case "disposable-of":
    case "disposable-tag":
    case "default":
    case "disposable":
      return false
    default:
      return unreachable(token)
  }
}

export function targetMatches(token: Token, target: Target, caller: Caller, system: SystemView): boolean {
  switch (token.kind) {
    case "everything":
      return true
    case "any-domain":
      return !isAdminTarget(target)
    case "admin":
      return isAdminTarget(target)
    case "name":
      return target.kind === "admin"
        ? isAdminName(token.text, system)
        : target.kind === "domain" && isSame(token.text, target.text, system)
    case "default":
    case "disposable":
      return target.kind === token.kind
    // Not for the keyword @adminvm: it names no domain.
    case "tag":
      return target.kind === "domain" && target.domain.tagSet.has(token.value)
    case "type":
      return target.kind === "domain" && target.domain.type === token.value
    case "disposable-of": {
      const made = madeOf(target, caller, system)
      return made !== undefined && isSame(token.value, made, system)
    }
    case "disposable-tag": {
      const made = madeOf(target, caller, system)
      const domain = made === undefined ? undefined : system.domain(made)
      return domain?.templateForDisposables === true && domain.tagSet.has(token.value)
    }
    default:
      return unreachable(token)
  }
}

/** What a disposable would be made of; for `@dispvm` it depends on who calls. */
function madeOf(target: Target, caller: Caller, _system: SystemView): string | undefined {
  if (target.kind === "disposable-of") return target.domain.name
  if (target.kind === "disposable") return caller.domain?.defaultDisposable
  return undefined
}

const isAdminTarget = (target: Target): boolean =>
  target.kind === "admin" || (target.kind === "domain" && target.domain.isAdmin)

const isAdminName = (text: string, system: SystemView): boolean =>
  isAdminText(text) || system.domain(text)?.isAdmin === true

/** Two names of one domain, or the same text. */
export function isSame(a: string, b: string, system: SystemView): boolean {
  if (a === b) return true
  const domain = system.domain(a)
  if (domain !== undefined) return domain === system.domain(b)
  return isAdminText(a) && isAdminText(b)
}
