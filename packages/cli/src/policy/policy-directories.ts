import { join } from "node:path"
import { fileURLToPath } from "node:url"
import type { System } from "@skerry/model"
import {
  CONFIGURATION_FILE,
  factsOfSystem,
  loadPolicy,
  type Policy,
  PolicyError,
  rulesOfConfiguration,
  type SystemView,
  systemView,
} from "@skerry/policy"
import { findPolicyFiles, shippedPolicies } from "@skerry/policy/files"
import type { CommandContext } from "../command.ts"

/** Where the user's own files lie. */
export const userDirectory = ({ paths }: CommandContext): string => join(paths.configuration, "policy.d")

/** Every file of one directory by its path; one that does not exist is empty. Throws PolicyFilesError. */
export const readDirectory = (directory: string, { uid }: CommandContext): ReadonlyMap<string, string> =>
  findPolicyFiles([directory], uid).read()

/** All that decides, as the daemon puts it together. Throws PolicyFilesError. */
export function mergedFiles(
  context: CommandContext,
  system: System | undefined,
): ReadonlyMap<string, string> {
  const shipped = shippedPolicies(fileURLToPath(context.programUrl))
  const merged = new Map(findPolicyFiles([userDirectory(context), shipped], context.uid).read())
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
