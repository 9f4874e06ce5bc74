import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { CONFIG_TYPESCRIPT, STARTER_CONFIGURATION } from "@skerry/config"
import { type HostPaths, hostPaths } from "@skerry/model"
import { CALLEE, writeBenchPolicy } from "./calls.ts"
import { printed, timed } from "./timed.ts"

/** Idle domains of the rows about many of them. */
export const IDLE_DOMAINS = 60

export const idleInstances: readonly string[] = Array.from(
  { length: IDLE_DOMAINS },
  (_, index) => `idle-${index}`,
)

const LOCK = "skerry.lock"
const STARTER = "starter.ts"

export interface BenchHomeOptions {
  /** The words that start this program. */
  readonly program: readonly string[]
  readonly environment: NodeJS.ProcessEnv
  readonly user: HostPaths
  readonly uid: number
}

/**
 * A Skerry of its own for measuring, so that the user's domains and settings are left alone. It has the applications
 * of the starter configuration, and shares the images and packages of the user's cache, which are named by their
 * digests: where these were built, only templates are new.
 */
export class BenchHome implements Disposable {
  readonly paths: HostPaths
  readonly environment: NodeJS.ProcessEnv
  readonly #directory: string
  readonly #program: readonly string[]

  constructor({ program, environment, user, uid }: BenchHomeOptions) {
    this.#directory = mkdtempSync(join(tmpdir(), "skerry-bench-"))
    this.#program = program
    this.environment = { ...environment, SKERRY_HOME: this.#directory }
    this.paths = hostPaths(this.environment, uid)
    for (const path of Object.values(this.paths)) mkdirSync(path, { recursive: true, mode: 0o700 })
    for (const shared of ["images", "packages"]) {
      mkdirSync(join(user.cache, shared), { recursive: true })
      symlinkSync(join(user.cache, shared), join(this.paths.cache, shared))
    }
    const { configuration } = this.paths
    const lock = join(user.configuration, LOCK)
    if (existsSync(lock)) copyFileSync(lock, join(configuration, LOCK))
    writeFileSync(join(configuration, STARTER), STARTER_CONFIGURATION)
    writeBenchPolicy(configuration)
  }

  /** The words of a command line as the user types it. */
  words(...words: readonly string[]): string[] {
    return [...this.#program, ...words]
  }

  /** Configures so many standby domains for each image, builds, and warms up. */
  build(standbyPerImage: number): void {
    writeFileSync(join(this.paths.configuration, CONFIG_TYPESCRIPT), configuration(standbyPerImage))
    printed(this.words("build"), this.environment, "inherit")
    timed(this.words("run", "-d", "scratch", "--", "true"), this.environment)
  }

  [Symbol.dispose](): void {
    printed(this.words("daemon", "--stop"), this.environment)
    rmSync(this.#directory, { recursive: true, force: true })
  }
}

/** The limits are those that a configuration has which names none. */
const configuration = (standbyPerImage: number): string => `import { defineSystem } from "skerry"
import starter from "./${STARTER}"

const { scratch } = starter.applications
const idle = ${JSON.stringify(idleInstances)}
export default defineSystem({
  applications: { scratch },
  instances: {
    scratch: { application: "scratch", disposableTemplate: true },
    light: { application: "scratch", isolation: "process" },
    ${CALLEE}: { application: "scratch", isolation: "process" },
    ...Object.fromEntries(idle.map((name) => [name, { application: "scratch" }])),
  },
  settings: {
    standby: { perImage: ${standbyPerImage}, memoryMiB: 512 },
    // What is measured is how fast calls are, not how fast they may be.
    calls: { perSecond: 100_000, burst: 100_000 },
  },
})
`
