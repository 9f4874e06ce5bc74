import {
  type DomainId,
  type InstanceName,
  InvalidName,
  parseDomainId,
  parseInstanceName,
} from "@skerry/model"
import type { Backends } from "./backends.ts"
import { DomainDriver } from "./domain-driver.ts"
import type { DomainPlan, DomainServices } from "./domain-plan.ts"
import { DaemonError } from "./errors.ts"
import type { Current, Generations } from "./generations.ts"
import type { Journals } from "./journals.ts"
import { plannedDirectories } from "./trees/planned-directories.ts"

export interface DomainsOptions {
  readonly generations: Generations
  readonly backends: Backends
  readonly services: DomainServices
  readonly journals: Journals
  /** A short random word of a–z and 0–9: tells the disposables of one instance apart. */
  readonly randomWord: () => string
  readonly onEmpty: () => void
}

/** The domains of this daemon, by id; an instance's lasting domain has the instance's name. */
export class Domains {
  readonly #options: DomainsOptions
  readonly #drivers = new Map<string, DomainDriver>()
  #isEnding = false

  constructor(options: DomainsOptions) {
    this.#options = options
  }

  get all(): readonly DomainDriver[] {
    return [...this.#drivers.values()]
  }

  /** The domain of that id, if it runs or is on its way to. */
  find(untrustedId: string): DomainDriver | undefined {
    return this.#drivers.get(untrustedId)
  }

  /** Fails with "unknown-domain". */
  get(untrustedId: string): DomainDriver {
    const id = checked(() => parseDomainId(untrustedId))
    const driver = this.#drivers.get(id)
    if (driver === undefined) {
      throw new DaemonError("unknown-domain", `No domain "${id}" runs: "skerry ps" lists those that do`)
    }
    return driver
  }

  /** The instance's lasting domain, started if it does not run; it may not be ready yet. */
  async lasting(untrustedName: string): Promise<DomainDriver> {
    const instance = checked(() => parseInstanceName(untrustedName))
    for (;;) {
      const driver = this.#drivers.get(instance)
      if (driver === undefined) {
        const plan = await this.#plan(instance, instance as string as DomainId, false)
        // Another request may have come first while the generation was read.
        if (!this.#drivers.has(instance)) return this.#create(plan)
      } else if (["settling", "stopping", "ended"].includes(driver.state.kind)) {
        await driver.ended
      } else {
        return driver
      }
    }
  }

  /** A fresh domain that is the caller's to end. */
  async disposable(untrustedName: string): Promise<DomainDriver> {
    const instance = checked(() => parseInstanceName(untrustedName))
    const plan = await this.#plan(instance, undefined, true)
    return this.#create(plan)
  }

  /** What the instances named here are made from; where none is named, all that this host can run. */
  async plans(untrustedNames: readonly string[]): Promise<{ plans: DomainPlan[]; unusable: string[] }> {
    const current = await this.#options.generations.current()
    const isAll = untrustedNames.length === 0
    const names = isAll
      ? (Object.keys(current.system.instances) as InstanceName[])
      : untrustedNames.map((name) => checked(() => parseInstanceName(name)))
    const plans: DomainPlan[] = []
    const unusable: string[] = []
    for (const name of names) {
      try {
        plans.push(await this.#planFrom(current, name, name as string as DomainId, false))
      } catch (error) {
        if (!isAll || !(error instanceof DaemonError) || error.code !== "unusable") throw error
        unusable.push(`"${name}": ${error.message}`)
      }
    }
    return { plans, unusable }
  }

  /** Ends every domain, and lets no new one start. */
  async end(): Promise<void> {
    this.#isEnding = true
    await Promise.all(
      this.all.map((driver) => {
        driver.stop(driver.plan.isDisposable && !driver.hasTrees)
        return driver.ended
      }),
    )
  }

  #create(plan: DomainPlan): DomainDriver {
    if (this.#isEnding)
      throw new DaemonError("ending", "The daemon is on its way to its end: try again in a moment")
    const journal = this.#options.journals.of(plan.instance)
    const driver = new DomainDriver(plan, this.#options.services, journal)
    this.#drivers.set(plan.id, driver)
    void driver.ended.then(() => {
      this.#drivers.delete(plan.id)
      if (this.#drivers.size === 0) this.#options.onEmpty()
    })
    return driver
  }

  async #plan(instance: InstanceName, id: DomainId | undefined, isDisposable: boolean): Promise<DomainPlan> {
    const current = await this.#options.generations.current()
    return this.#planFrom(current, instance, id ?? this.#freshId(instance, current), isDisposable)
  }

  async #planFrom(
    current: Current,
    name: InstanceName,
    id: DomainId,
    isDisposable: boolean,
  ): Promise<DomainPlan> {
    const { system, images, number: generation } = current
    const instance = Object.hasOwn(system.instances, name) ? system.instances[name] : undefined
    if (instance === undefined) {
      throw new DaemonError(
        "unknown-instance",
        `Generation ${generation} has no instance "${name}": its instances are ${listed(Object.keys(system.instances))}. A change to the configuration is used after "skerry build"`,
      )
    }
    const application = system.applications[instance.application]
    const image = images.get(instance.application)
    if (application === undefined || image === undefined) {
      throw new DaemonError(
        "not-built",
        `Cannot start "${name}": generation ${generation} has no image of application "${instance.application}"; run "skerry build"`,
      )
    }
    return {
      id,
      instance: name,
      isDisposable,
      generation,
      application,
      mould: {
        backend: await this.#options.backends.forLevel(instance.isolation),
        image,
        shape: { memoryMiB: instance.memoryMiB, vcpus: instance.vcpus },
        limits: { processes: instance.processes, cpuWeight: instance.cpuWeight },
      },
      directories: plannedDirectories(system, name, isDisposable),
    }
  }

  #freshId(instance: InstanceName, { system }: Current): DomainId {
    for (;;) {
      const id = parseDomainId(`${instance}-${this.#options.randomWord()}`)
      // An instance may have a name that looks like a disposable's.
      if (!this.#drivers.has(id) && !Object.hasOwn(system.instances, id)) return id
    }
  }
}

function listed(names: readonly string[]): string {
  if (names.length === 0) return "none"
  const shown = names.slice(0, 12).join(", ")
  return names.length > 12 ? `${shown} and ${names.length - 12} more` : shown
}

function checked<T>(parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    if (error instanceof InvalidName) throw new DaemonError("bad-request", error.message, { cause: error })
    throw error
  }
}
