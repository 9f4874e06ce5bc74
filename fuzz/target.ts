import type { Prng } from "./prng.ts"

/** One parser that faces a guest. */
export interface FuzzTarget {
  readonly name: string
  /** Input that reaches deep: valid, mutated or random. */
  generate(prng: Prng): Uint8Array
  /** Feeds one input. Throws (or rejects) where a promise of the parser is broken: that is a finding. */
  check(untrustedInput: Uint8Array): void | Promise<void>
}
