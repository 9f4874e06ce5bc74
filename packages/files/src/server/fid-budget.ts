import { NINEP_LIMITS } from "../codec/limits.ts"

/** Fids of all clients of one server. Nobody has more than what is left: so there is always something left for the next. */
export class FidBudget {
  #left: number

  constructor(most: number = NINEP_LIMITS.serverFids) {
    this.#left = most
  }

  /** For one more of a client that has `own`. */
  hasRoom(own: number): boolean {
    return own < NINEP_LIMITS.ownFids || (own < NINEP_LIMITS.fids && own < this.#left)
  }

  /** Less than 0: gives them back. */
  take(count: number): void {
    this.#left -= count
  }
}
