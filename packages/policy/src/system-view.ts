import { isAdminText, parseToken, type Token } from "./token.ts"

/** What rules may know of a domain. */
export interface DomainFacts {
  readonly tags: readonly string[]
  /** "AdminVM" for the host, "AppVM", "DispVM", "RemoteVM" or any other word that `@type:` may name. */
  readonly type: string
  /** May disposables of it be made? */
  readonly templateForDisposables: boolean
  /** What `@dispvm` means for it. */
  readonly defaultDisposable?: string | undefined
  readonly isRunning: boolean
  /** Without `uuid:`. */
  readonly uuid?: string | undefined
  /** Never offered in a prompt. */
  readonly isInternal?: boolean | undefined
  /** Of a domain elsewhere: the one that passes calls on, and by which service. */
  readonly relay?: string | undefined
  readonly transportService?: string | undefined
}

export interface Domain extends DomainFacts {
  readonly name: string
  readonly tagSet: ReadonlySet<string>
  readonly isAdmin: boolean
}

/** Who calls: a domain, or a name that no domain has (any more). */
export interface Caller {
  readonly text: string
  readonly domain: Domain | undefined
}

/** What a request's target means here, whatever it was called. */
export type Target =
  | { readonly kind: "domain"; readonly text: string; readonly domain: Domain }
  | { readonly kind: "admin"; readonly text: string }
  | { readonly kind: "default"; readonly text: string }
  | { readonly kind: "disposable"; readonly text: string }
  | { readonly kind: "disposable-of"; readonly text: string; readonly domain: Domain }

/** Why a request's target cannot be: bad syntax, or a disposable of what has none. */
export type TargetProblem =
  | { readonly kind: "bad-syntax"; readonly reason: string }
  | { readonly kind: "refused"; readonly reason: string }

/** The domains that there are, at one moment: immutable, so that decisions may be kept with it. */
export class SystemView {
  readonly domains: readonly Domain[]
  /** By name and by `uuid:…`. */
  readonly #byText = new Map<string, Domain>()
  readonly #targets = new Map<string, Target>()
  readonly #expansions = new Map<string, readonly string[]>()
  /** The same object for the same name, so that what was found for it can be kept. */
  readonly #callers = new Map<string, Caller>()

  constructor(facts: Readonly<Record<string, DomainFacts>>) {
    this.domains = Object.entries(facts).map(([name, each]) => ({
      ...each,
      name,
      tagSet: new Set(each.tags),
      isAdmin: isAdminText(name),
    }))
    for (const domain of this.domains) this.#byText.set(domain.name, domain)
    for (const domain of this.domains) {
      if (domain.uuid !== undefined) this.#byText.set(`uuid:${domain.uuid}`, domain)
    }
    for (const [text, domain] of this.#byText) this.#callers.set(text, { text, domain })
    this.#indexTargets()
  }

  /** By name or `uuid:…`. */
  domain(text: string): Domain | undefined {
    return this.#byText.get(text)
  }

  /** By name or `uuid:…`. */
  caller(text: string): Caller {
    return this.#callers.get(text) ?? { text, domain: undefined }
  }

  /** As a caller wrote it; empty is `@default`, and so is the name of a domain that does not exist. */
  target(untrustedText: string): Target | TargetProblem {
    const known = this.#targets.get(untrustedText)
    if (known !== undefined) return known
    const token = parseToken(untrustedText, "requested")
    if (token.kind === "problem") return { kind: "bad-syntax", reason: token.message }
    if (token.kind === "disposable-of") {
      return {
        kind: "refused",
        reason: `No disposables can be made of ${JSON.stringify(token.value.slice(0, 64))}`,
      }
    }
    return DEFAULT_TARGET
  }

  /** Where a rule sends a call; undefined: there is no such thing. */
  redirected(token: Token): Target | undefined {
    const found = this.target(token.text)
    return found.kind === "refused" || found.kind === "bad-syntax" ? undefined : found
  }

  /** What `expand` says that a rule's token means here, worked out once. */
  expansion(
    token: Token,
    expand: (token: Token, system: SystemView) => readonly string[],
  ): readonly string[] {
    let found = this.#expansions.get(token.text)
    if (found === undefined) {
      found = expand(token, this)
      this.#expansions.set(token.text, found)
    }
    return found
  }

  #indexTargets(): void {
    const add = (target: Target) => this.#targets.set(target.text, target)
    add(DEFAULT_TARGET)
    this.#targets.set("", DEFAULT_TARGET)
    add({ kind: "disposable", text: "@dispvm" })
    add({ kind: "admin", text: "@adminvm" })
    for (const [text, domain] of this.#byText) {
      add({ kind: "domain", text, domain })
      if (domain.templateForDisposables) add({ kind: "disposable-of", text: `@dispvm:${text}`, domain })
    }
  }
}

export const DEFAULT_TARGET: Target = Object.freeze({ kind: "default", text: "@default" })

export const systemView = (facts: Readonly<Record<string, DomainFacts>>): SystemView => new SystemView(facts)
