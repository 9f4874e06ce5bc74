import { loadPolicy, mergeDirectories, rulesOfConfiguration } from "@skerry/policy"
import type { DomainEvents } from "../domain-events.ts"
import type { Domains } from "../domains.ts"
import { messageOf } from "../errors.ts"
import type { Current, Generations } from "../generations.ts"
import { domainFacts } from "./domain-facts.ts"
import { findPolicyFiles, type PolicyFiles } from "./policy-files.ts"
import { type PolicyOrProblem, PolicyView } from "./policy-view.ts"
import type { SpentRules } from "./spent-rules.ts"

export interface PolicySourceOptions {
  /** The most important one first: a file in it takes the place of its namesakes in the others. */
  readonly directories: readonly string[]
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

/** Rules that grants of the configuration make; it sorts among the files of policy.d. */
const CONFIGURATION_FILE = "50-configuration.policy"

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
    const { generations, directories, monotonicMs } = this.#options
    const startedAt = monotonicMs()
    const current = await generations.current()
    const before = this.#loaded
    const loaded = await findPolicyFiles(directories).then(
      async (files) => {
        if (before?.current === current && before.stamp === files.stamp) return before
        return { stamp: files.stamp, current, policy: await this.#load(files, current) }
      },
      (error: unknown) => ({ stamp: "", current, policy: this.#broken(messageOf(error)) }),
    )
    this.#loaded = loaded
    this.#lookedAt = startedAt
    return loaded
  }

  async #load(files: PolicyFiles, { system }: Current): Promise<PolicyOrProblem> {
    try {
      const merged = new Map(mergeDirectories(await files.read()))
      merged.set(CONFIGURATION_FILE, rulesOfConfiguration(system))
      const policy = loadPolicy(merged)
      if (this.#loaded !== undefined && "problem" in this.#loaded.policy) {
        this.#options.onNotice("The policy can be read again: calls are decided by it")
      }
      return policy
    } catch (error) {
      return this.#broken(messageOf(error))
    }
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
