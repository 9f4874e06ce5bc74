import { existsSync, readFileSync, statSync } from "node:fs"
import { basename, dirname, join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import type { System } from "@skerry/model"
import { CONFIGURATION_FILE, PolicyError, rulesOfConfiguration } from "@skerry/policy"
import { findPolicyFiles, shippedPolicies } from "@skerry/policy/files"
import { CliError } from "../cli-error.ts"
import type { CommandContext } from "../command.ts"
import { tryLoad } from "../policy/policy-directories.ts"
import { shownPath } from "../state/shown-path.ts"
import type { Access } from "./access.ts"
import { accessesOf } from "./accesses-of.ts"
import { hostServices } from "./host-services.ts"

/** A configuration as it is looked at: what it says, and under what name. */
export interface Audited {
  readonly title: string
  readonly accesses: readonly Access[]
}

type ReadContext = Pick<CommandContext, "paths" | "uid" | "cwd" | "programUrl" | "signal">

/** `system` with the policy and the services of the host that lie in `directory`. */
export function audited(context: ReadContext, title: string, system: System, directory: string): Audited {
  const shipped = shippedPolicies(fileURLToPath(context.programUrl))
  const files = new Map(findPolicyFiles([join(directory, "policy.d"), shipped], context.uid).read())
  files.set(CONFIGURATION_FILE, rulesOfConfiguration(system))
  const policy = tryLoad(files)
  const usable = policy instanceof PolicyError ? undefined : policy
  return { title, accesses: [...accessesOf(system, usable, Date.now()), ...hostServices(directory)] }
}

/** What is in force; undefined: nothing was built yet. */
export async function auditCurrent(context: ReadContext): Promise<Audited | undefined> {
  const { GenerationStore } = await import("@skerry/image")
  const number = await new GenerationStore(context.paths.state).currentNumber()
  return number === undefined ? undefined : auditGeneration(context, number)
}

/** Policy and services of the host are no part of a generation: those that are there now are looked at. */
export async function auditGeneration(context: ReadContext, number: number): Promise<Audited> {
  const { GenerationStore } = await import("@skerry/image")
  const { system } = await new GenerationStore(context.paths.state).read(number)
  return audited(
    context,
    `generation ${number}`,
    await checkedSystem(system, `generation ${number}`),
    context.paths.configuration,
  )
}

/** What is written now, and would be built next. */
export const auditWritten = (context: ReadContext): Promise<Audited> =>
  auditDirectory(context, context.paths.configuration, true, "the configuration as it is written now")

/**
 * A configuration directory, its skerry.config.ts or skerry.json, or a normalised configuration: a generation's record, or what
 * `skerry config show --json` prints. A program in it is run only if that is allowed.
 */
export async function auditPath(context: ReadContext, word: string, mayEvaluate: boolean): Promise<Audited> {
  const path = resolve(context.cwd, word)
  const title = shownPath({ path })
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined) {
    throw new CliError("usage", `${title} is no generation's number, and there is no such file or directory`)
  }
  const isOwn = (directory: string) => directory === context.paths.configuration
  if (found.isDirectory()) return auditDirectory(context, path, mayEvaluate || isOwn(path), title)
  const { CONFIG_JSON, CONFIG_TYPESCRIPT } = await import("@skerry/config")
  const directory = dirname(path)
  if (basename(path) === CONFIG_TYPESCRIPT || basename(path) === CONFIG_JSON) {
    return auditDirectory(context, directory, mayEvaluate || isOwn(directory), title)
  }
  const system = await checkedSystem(normalisedIn(path, title), title)
  return audited(context, title, system, context.paths.configuration)
}

export async function auditDirectory(
  context: ReadContext,
  directory: string,
  mayEvaluate: boolean,
  title: string,
): Promise<Audited> {
  const { CONFIG_TYPESCRIPT, configProgram, loadSystem } = await import("@skerry/config")
  if (!mayEvaluate && existsSync(join(directory, CONFIG_TYPESCRIPT))) {
    throw new CliError(
      "refused",
      `${CONFIG_TYPESCRIPT} of ${title} is a program, and to learn what it says it has to be run. Read it first; then --evaluate runs it, without network and without writing. A generation's record, or what "skerry config show --json" prints, is read without running anything`,
    )
  }
  const options = { program: configProgram(context.programUrl), uid: context.uid, signal: context.signal }
  const { system } = await loadSystem({ configurationDirectory: directory }, options)
  return audited(context, title, system, directory)
}

const JSON_BYTES = 64 * 1024 * 1024

function normalisedIn(path: string, title: string): unknown {
  if (statSync(path).size > JSON_BYTES)
    throw new CliError("refused", `${title} is too large for a configuration`)
  try {
    const untrusted: unknown = JSON.parse(readFileSync(path, "utf8"))
    return isObject(untrusted) && isObject(untrusted.system) ? untrusted.system : untrusted
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause
    throw new CliError("refused", `${title} is no configuration: ${cause.message}`, { cause })
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** Checked like what a person writes; its version says nothing of what it grants. Throws ConfigError. */
async function checkedSystem(untrustedSystem: unknown, title: string): Promise<System> {
  const { normalise } = await import("@skerry/config")
  if (!isObject(untrustedSystem)) throw new CliError("refused", `${title} is no configuration`)
  const { version: _, ...written } = untrustedSystem
  return normalise(written, title).system
}
