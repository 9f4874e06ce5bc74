import { mkdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { writeDurably } from "@skerry/image"
import { type Rule, ruleKey } from "@skerry/policy"
import { messageOf } from "../errors.ts"

const FILE = "policy-once.json"
/** Rules with "once" that are remembered as used: past it calls by such rules are refused. */
const MOST_RULES = 10_000

/** Rules with `once` that have let a call through, kept in the state store. */
export class SpentRules {
  readonly #directory: string
  readonly #keys: Set<string>
  #writing: Promise<void> = Promise.resolve()

  /** Throws where what was written cannot be read: a rule that was used must not count again. */
  constructor(state: string) {
    this.#directory = state
    this.#keys = new Set(readKeys(join(state, FILE)))
  }

  /** By ruleKey(). */
  get keys(): ReadonlySet<string> {
    return this.#keys
  }

  /** Resolves once it is written down; false: it was used before. Rejects where it cannot be written. */
  async spend(rule: Rule): Promise<boolean> {
    const key = ruleKey(rule)
    if (this.#keys.has(key)) return false
    if (this.#keys.size >= MOST_RULES) {
      throw new Error(`${MOST_RULES} rules with "once" were used: remove ${join(this.#directory, FILE)}`)
    }
    this.#keys.add(key)
    const write = () => {
      mkdirSync(this.#directory, { recursive: true, mode: 0o700 })
      return writeDurably(join(this.#directory, FILE), JSON.stringify([...this.#keys]), 0o600)
    }
    this.#writing = this.#writing.then(write, write)
    await this.#writing
    return true
  }
}

function readKeys(path: string): string[] {
  try {
    const found: unknown = JSON.parse(readFileSync(path, "utf8"))
    if (Array.isArray(found) && found.every((key) => typeof key === "string")) return found
    throw new Error("it is no list of texts")
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return []
    throw new Error(`Cannot read ${path}, which says which rules were used: ${messageOf(error)}`, {
      cause: error,
    })
  }
}
