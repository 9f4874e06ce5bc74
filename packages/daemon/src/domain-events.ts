import type { DomainDriver } from "./domain-driver.ts"

/** Tells whoever listens that a domain changed its state. */
export class DomainEvents {
  readonly #listeners = new Set<(driver: DomainDriver) => void>()
  #changes = 0

  /** Grows with every change: what was made from the domains' states is out of date once it has. */
  get changes(): number {
    return this.#changes
  }

  emit(driver: DomainDriver): void {
    this.#changes += 1
    for (const listener of [...this.#listeners]) listener(driver)
  }

  /** Disposing of what is returned ends it. */
  listen(listener: (driver: DomainDriver) => void): Disposable {
    this.#listeners.add(listener)
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) }
  }
}
