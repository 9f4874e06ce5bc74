import { CONFIGURATION_FILE, loadPolicy, rulesOfConfiguration } from "@skerry/policy"
import { findPolicyFiles, type PolicyFiles } from "@skerry/policy/files"
import type { DomainEvents } from "../domain-events.ts"
import type { Domains } from "../domains.ts"
import { messageOf } from "../errors.ts"
import type { Current, Generations } from "../generations.ts"
import { domainFacts } from "./domain-facts.ts"
import { type PolicyOrProblem, PolicyView } from "./policy-view.ts"
import type { SpentRules } from "./spent-rules.ts"

export interface PolicySourceOptions {
  /** The most important one first: a file in it takes the place of its namesakes in the others. */
  readonly directories: readonly string[]
  /** Who may own the files, besides root. */
  readonly uid: number
  readonly generations: Generations
  readonly domains: Domains
  readonly events: DomainEvents
  readonly spent: SpentRules
  readonly now: () => number
  readonly monotonicMs: () => number
  /** For the log: what is wrong with the policy, or that it is mended. */
  readonly onNotice: (text: string) => void
}

/** A change on disk counts for calls that come later than this after it. */
const LOOK_AGAIN_MS = 50

interface Loaded {
  readonly stamp: string
  readonly current: Current
  readonly policy: PolicyOrProblem
}

/** Keeps at hand what decides calls, and looks now and then whether it has changed on disk. */
export class PolicySource {
  readonly #options: PolicySourceOptions
  #loaded: Loaded | undefined
  #lookedAt = Number.NEGATIVE_INFINITY
  #look: Promise<Loaded> | undefined
  #view: { readonly of: Loaded; readonly changes: number; readonly view: PolicyView } | undefined

  constructor(options: PolicySourceOptions) {
    this.#options = options
  }

  /** A promise where it is time to look at the disk; it rejects where there is no generation. */
  view(): PolicyView | Promise<PolicyView> {
    const loaded = this.#loaded
    if (loaded !== undefined && this.#options.monotonicMs() - this.#lookedAt < LOOK_AGAIN_MS) {
      return this.#viewOf(loaded)
    }
    this.#look ??= this.#lookAgain().finally(() => {
      this.#look = undefined
    })
    return this.#look.then((loaded) => this.#viewOf(loaded))
  }

  /** Facts are made anew when a domain has come, gone, or changed its state. */
  #viewOf(loaded: Loaded): PolicyView {
    const { events, domains, spent, now } = this.#options
    if (this.#view?.of !== loaded || this.#view.changes !== events.changes) {
      const { system } = loaded.current
      const view = new PolicyView(loaded.policy, system, domainFacts(system, domains.all), spent.keys, now)
      this.#view = { of: loaded, changes: events.changes, view }
    }
    return this.#view.view
  }

  async #lookAgain(): Promise<Loaded> {
    const startedAt = this.#options.monotonicMs()
    const current = await this.#options.generations.current()
    const loaded = this.#load(current)
    this.#loaded = loaded
    this.#lookedAt = startedAt
    return loaded
  }

  #load(current: Current): Loaded {
    const before = this.#loaded
    let stamp = ""
    try {
      const files = findPolicyFiles(this.#options.directories, this.#options.uid)
      stamp = files.stamp
      if (before?.current === current && before.stamp === stamp) return before
      const policy = this.#parse(files, current)
      if (before !== undefined && "problem" in before.policy) {
        this.#options.onNotice("The policy can be read again: calls are decided by it")
      }
      return { stamp, current, policy }
    } catch (error) {
      return { stamp, current, policy: this.#broken(messageOf(error)) }
    }
  }

  #parse(files: PolicyFiles, { system }: Current): PolicyOrProblem {
    const merged = new Map(files.read())
    merged.set(CONFIGURATION_FILE, rulesOfConfiguration(system))
    return loadPolicy(merged)
  }

  /** Nothing of the policy before it counts: every call is refused until it is mended. */
  #broken(problem: string): { readonly problem: string } {
    const before = this.#loaded?.policy
    if (before === undefined || !("problem" in before) || before.problem !== problem) {
      this.#options.onNotice(`The policy cannot be read, so every call is refused: ${problem}`)
    }
    return { problem }
  }
}
