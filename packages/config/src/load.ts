import { existsSync } from "node:fs"
import { join } from "node:path"
import { type Digest, parseDigest } from "@skerry/model"
import { ConfigError } from "./config-error.ts"
import { evaluate } from "./evaluate.ts"
import { readSource, realSource } from "./evaluator/sources.ts"
import { jsonError } from "./evaluator/thrown.ts"
import { JsonSyntaxError, parseJson } from "./json-text.ts"
import { CONFIG_LIMITS } from "./limits.ts"
import { type NormalisedSystem, normalise } from "./normalise.ts"
import type { ConfigProgram } from "./program.ts"

/** The file that is the configuration where it exists; it may import the other. */
export const CONFIG_TYPESCRIPT = "skerry.config.ts"
export const CONFIG_JSON = "skerry.json"

export interface LoadOptions {
  readonly program: ConfigProgram
  /** Sources must belong to this account or to root. */
  readonly uid: number
  /** Aborting it ends the evaluation and rejects with its reason. */
  readonly signal?: AbortSignal
  /** For tests; else CONFIG_LIMITS.evaluationMs. */
  readonly deadlineMs?: number
}

export interface LoadedSystem extends NormalisedSystem {
  /** The file that was evaluated. */
  readonly file: string
  /** Every source that was read, in the order of reading, with the digest of its bytes. */
  readonly files: readonly { readonly path: string; readonly digest: Digest }[]
  /** What the configuration printed while it was evaluated: untrusted, bounded, mostly empty. */
  readonly printed: string
}

/**
 * Reads the configuration of a host. Changes nothing; several may run at once. Throws ConfigError, whose
 * message names file, place, what was found and what is allowed.
 */
export async function loadSystem(
  paths: { readonly configurationDirectory: string },
  options: LoadOptions,
): Promise<LoadedSystem> {
  const directory = paths.configurationDirectory
  const typescript = join(directory, CONFIG_TYPESCRIPT)
  if (existsSync(typescript)) return loadTypescript(realSource(typescript), options)
  const json = join(directory, CONFIG_JSON)
  if (existsSync(json)) return loadJson(json, options)
  const what = `has no configuration: neither ${CONFIG_TYPESCRIPT} nor ${CONFIG_JSON}; run: skerry init`
  throw new ConfigError("not-found", { file: directory }, what)
}

async function loadTypescript(file: string, options: LoadOptions): Promise<LoadedSystem> {
  const deadlineMs = options.deadlineMs ?? CONFIG_LIMITS.evaluationMs
  const { value, files, printed } = await evaluate(file, { ...options, deadlineMs })
  const sources = files.map(({ path, digest }) => ({ path, digest: parseDigest(digest) }))
  return { ...normalise(value, file), file, files: sources, printed }
}

function loadJson(file: string, options: LoadOptions): LoadedSystem {
  const { text, digest } = readSource(file, options.uid)
  try {
    const files = [{ path: file, digest: parseDigest(digest) }]
    return { ...normalise(parseJson(text), file), file, files, printed: "" }
  } catch (error) {
    throw error instanceof JsonSyntaxError ? jsonError(error, file) : error
  }
}
