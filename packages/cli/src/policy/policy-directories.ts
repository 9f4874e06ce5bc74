import { readdirSync, readFileSync, statSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import type { System } from "@skerry/model"
import {
  CONFIGURATION_FILE,
  factsOfSystem,
  loadPolicy,
  mergeDirectories,
  type Policy,
  PolicyError,
  rulesOfConfiguration,
  type SystemView,
  systemView,
} from "@skerry/policy"
import { CliError } from "../cli-error.ts"
import type { CommandContext } from "../command.ts"

const LIMITS = {
  /** Files of one directory of policies, those below it counted. */
  files: 1024,
  /** Directories within directories. */
  depth: 8,
  /** Bytes of one file. */
  fileBytes: 16 * 1024 * 1024,
} as const

/** Where the user's own files lie. */
export const userDirectory = ({ paths }: CommandContext): string => join(paths.configuration, "policy.d")

/** The rules that come with Skerry: beside dist/, or of the repository where the sources run. */
export function shippedDirectory({ programUrl }: CommandContext): string {
  const start = dirname(fileURLToPath(programUrl))
  for (let above = start; above !== dirname(above); above = dirname(above)) {
    const candidate = join(above, "share/policy.d")
    if (statSync(candidate, { throwIfNoEntry: false })?.isDirectory() === true) return candidate
  }
  throw new CliError("refused", `No share/policy.d lies above ${start}: install Skerry again`)
}

/** Every file by its path from the directory; one that does not exist is empty. Throws CliError. */
export function readDirectory(directory: string): ReadonlyMap<string, string> {
  const files = new Map<string, string>()
  const walk = (below: string, depth: number) => {
    if (depth > LIMITS.depth)
      throw new CliError("refused", `${directory} has more than ${LIMITS.depth} levels`)
    for (const name of readdirSync(join(directory, below)).sort()) {
      if (name.startsWith(".")) continue
      const path = below === "" ? name : `${below}/${name}`
      const entry = statSync(join(directory, path), { throwIfNoEntry: false })
      if (entry?.isDirectory() === true) walk(path, depth + 1)
      if (entry?.isFile() !== true) continue
      if (entry.size > LIMITS.fileBytes || files.size >= LIMITS.files) {
        throw new CliError(
          "refused",
          `${join(directory, path)} is larger, or one file more, than a policy may be`,
        )
      }
      files.set(path, readFileSync(join(directory, path), "utf8"))
    }
  }
  try {
    walk("", 0)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== "ENOENT") {
      if (error instanceof CliError) throw error
      throw new CliError("refused", `Cannot read the policy in ${directory}: ${(error as Error).message}`, {
        cause: error,
      })
    }
  }
  return files
}

/** All that decides, as the daemon puts it together. */
export function mergedFiles(
  context: CommandContext,
  system: System | undefined,
): ReadonlyMap<string, string> {
  const merged = new Map(
    mergeDirectories([readDirectory(userDirectory(context)), readDirectory(shippedDirectory(context))]),
  )
  if (system !== undefined) merged.set(CONFIGURATION_FILE, rulesOfConfiguration(system))
  return merged
}

/** What can be read of a policy, or what is wrong with it. */
export function tryLoad(files: ReadonlyMap<string, string>): Policy | PolicyError {
  try {
    return loadPolicy(files)
  } catch (error) {
    if (error instanceof PolicyError) return error
    throw error
  }
}

/** The configuration as it is written now; undefined where there is none yet. */
export async function writtenSystem(context: CommandContext): Promise<System | undefined> {
  const { ConfigError, configProgram, loadSystem } = await import("@skerry/config")
  try {
    const { system } = await loadSystem(
      { configurationDirectory: context.paths.configuration },
      { program: configProgram(context.programUrl), uid: context.uid, signal: context.signal },
    )
    return system
  } catch (error) {
    if (error instanceof ConfigError && error.code === "not-found") return undefined
    throw error
  }
}

/** The domains of a configuration, none of them running: what may be called does not depend on it but for autostart=no. */
export const viewOfSystem = (system: System): SystemView => systemView(factsOfSystem(system, () => false))
