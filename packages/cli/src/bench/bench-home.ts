import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { HostPaths } from "@skerry/model"
import { CliError } from "../cli-error.ts"

/** Idle domains of the density row. */
export const IDLE_DOMAINS = 60

/**
 * A Skerry of its own for measuring, so that the user's domains and settings are left alone. It shares the images and
 * packages of the user's cache, which are named by their digests.
 */
export class BenchHome implements Disposable {
  readonly paths: HostPaths
  readonly environment: NodeJS.ProcessEnv
  readonly #directory: string
  readonly #command: readonly string[]

  constructor(programUrl: string, environment: NodeJS.ProcessEnv, userCache: string) {
    this.#directory = mkdtempSync(join(tmpdir(), "skerry-bench-"))
    const program = fileURLToPath(programUrl)
    this.#command = program.endsWith(".ts") ? [process.execPath, program] : [program]
    this.environment = { ...environment, SKERRY_HOME: this.#directory }
    const under = (name: string) => join(this.#directory, name)
    this.paths = {
      configuration: under("config"),
      state: under("state"),
      cache: under("cache"),
      runtime: under("run"),
    }
    for (const path of Object.values(this.paths)) mkdirSync(path, { recursive: true, mode: 0o700 })
    for (const shared of ["images", "packages"]) {
      mkdirSync(join(userCache, shared), { recursive: true })
      symlinkSync(join(userCache, shared), join(this.paths.cache, shared))
    }
  }

  /** The words of a command line as the user types it. */
  words(...words: readonly string[]): string[] {
    return [...this.#command, ...words]
  }

  /** Writes a configuration with this many standby domains for each image, and builds it. */
  build(standbyPerImage: number): void {
    const vm = { application: "scratch" }
    const idle = Array.from({ length: IDLE_DOMAINS }, (_, index) => [`idle-${index}`, vm])
    const system = {
      applications: {
        scratch: { source: { kind: "debian", packages: ["bash", "coreutils"] }, command: ["bash", "-l"] },
      },
      instances: { scratch: vm, light: { ...vm, isolation: "process" }, ...Object.fromEntries(idle) },
      settings: { standby: { perImage: standbyPerImage, memoryMiB: 512 } },
    }
    writeFileSync(join(this.paths.configuration, "skerry.json"), JSON.stringify(system))
    this.run("build")
  }

  run(...words: readonly string[]): string {
    const [program = "", ...args] = this.words(...words)
    const { status, stdout, stderr } = spawnSync(program, args, { env: this.environment })
    if (status !== 0) {
      throw new CliError(
        "refused",
        `skerry ${words.join(" ")} failed while measuring: ${stderr.toString().trim()}`,
      )
    }
    return stdout.toString()
  }

  [Symbol.dispose](): void {
    if (existsSync(join(this.paths.runtime, "skerryd.sock"))) this.run("daemon", "--stop")
    rmSync(this.#directory, { recursive: true, force: true })
  }
}
