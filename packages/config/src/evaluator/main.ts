import { existsSync } from "node:fs"
import { registerHooks } from "node:module"
import { extname } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { quoted } from "@skerry/model"
import { ConfigError } from "../config-error.ts"
import { JsonSyntaxError, parseJson } from "../json-text.ts"
import { blockingOutput, writeAll } from "./blocking-output.ts"
import { ImportGraph } from "./import-graph.ts"
import { type Outcome, RESULT_DESCRIPTOR, type SourceFile } from "./outcome.ts"
import { plainData } from "./plain-data.ts"
import { readSource, realSource } from "./sources.ts"
import { evaluationError, hasPosition, jsonError } from "./thrown.ts"

/*
 * The program of the evaluating process: `node main.ts CONFIGURATION ENTRY UID`. It lives for one evaluation,
 * so that every evaluation starts from the files and from nothing else, and so that a configuration which
 * never ends, prints without end or exits takes nobody with it.
 */

const FORMATS: Readonly<Record<string, string>> = {
  ".ts": "module-typescript",
  ".mts": "module-typescript",
  ".js": "module",
  ".mjs": "module",
  ".json": "json",
}

const [, , configurationPath = "", entryPath = "", uid = ""] = process.argv
const entryUrl = pathToFileURL(entryPath).href
const configurationUrl = pathToFileURL(configurationPath).href
const files = new Map<string, SourceFile>()
const graph = new ImportGraph()
/** What the configuration consists of; the entry, and what it imports, are not among it. */
const sourceUrls = new Set([configurationUrl])

function resolveImport(
  specifier: string,
  importerUrl: string,
  attributes: Readonly<Record<string, string | undefined>>,
): string {
  const importer = fileURLToPath(importerUrl)
  const refuse = (why: string) => new ConfigError("import-failed", { file: importer }, why)
  if (!/^(?:\.{1,2}\/|\/|file:)/.test(specifier)) {
    const what = `cannot import ${quoted(specifier)}: a configuration may import "skerry" and files of its own, such as "./mail.ts"`
    throw refuse(what)
  }
  const asked = fileURLToPath(new URL(specifier, importerUrl))
  if (!existsSync(asked)) {
    const near = Object.keys(FORMATS).find((extension) => existsSync(`${asked}${extension}`))
    const hint = near === undefined ? "" : `: did you mean ${quoted(`${specifier}${near}`)}?`
    throw refuse(`cannot import ${quoted(specifier)}, there is no such file${hint}`)
  }
  const format = FORMATS[extname(asked)]
  if (format === undefined) {
    throw refuse(`cannot import ${quoted(specifier)}: it must end in ${Object.keys(FORMATS).join(", ")}`)
  }
  if (format === "json" && attributes.type !== "json") {
    throw refuse(`write: import … from ${quoted(specifier)} with { type: "json" }`)
  }
  const imported = realSource(asked)
  graph.add(importer, imported)
  return pathToFileURL(imported).href
}

function loadSource(path: string): { format: string; source: string; shortCircuit: true } {
  const { text, digest } = readSource(path, Number(uid))
  files.set(path, { path, digest })
  const format = FORMATS[extname(path)] ?? "module"
  if (format === "json") {
    try {
      parseJson(text)
    } catch (error) {
      throw error instanceof JsonSyntaxError ? jsonError(error, path) : error
    }
  }
  return { format, source: text, shortCircuit: true }
}

registerHooks({
  resolve(specifier, context, nextResolve) {
    if (specifier === configurationUrl) return { url: specifier, shortCircuit: true }
    if (context.parentURL === undefined || !sourceUrls.has(context.parentURL)) {
      return nextResolve(specifier, context)
    }
    if (specifier === "skerry") return { url: entryUrl, shortCircuit: true }
    const url = resolveImport(specifier, context.parentURL, context.importAttributes)
    sourceUrls.add(url)
    return { url, shortCircuit: true }
  },
  load(url, context, nextLoad) {
    return sourceUrls.has(url) ? loadSource(fileURLToPath(url)) : nextLoad(url, context)
  },
})

async function evaluate(): Promise<Outcome> {
  try {
    const module = (await import(configurationUrl)) as Readonly<Record<string, unknown>>
    if (module.default === undefined) {
      const what = "has no default export; write: export default defineSystem({ … })"
      throw new ConfigError("no-value", { file: configurationPath }, what)
    }
    return { kind: "value", value: plainData(module.default, configurationPath), files: [...files.values()] }
  } catch (thrown) {
    // Only Node itself can say where such an error is: it does when nobody catches it.
    if (thrown instanceof SyntaxError && !hasPosition(thrown)) throw thrown
    const { code, position, what } = evaluationError(thrown, configurationPath, (path) => files.has(path))
    return { kind: "failed", code, position, what }
  }
}

// Node's permissions do not cover the network: what the globals offer of it goes, and the way to its modules.
for (const name of ["fetch", "WebSocket", "EventSource"]) Reflect.deleteProperty(globalThis, name)
Reflect.deleteProperty(process, "getBuiltinModule")
Object.defineProperty(process, "stdout", { value: blockingOutput(1) })
Object.defineProperty(process, "stderr", { value: blockingOutput(2) })
writeAll(RESULT_DESCRIPTOR, Buffer.from(JSON.stringify(await evaluate())))
process.exit(0)
