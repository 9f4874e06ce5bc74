import { quoted } from "@skerry/model"
import { buildIndex, type PolicyIndex } from "./index-rules.ts"
import { POLICY_LIMITS } from "./limits.ts"
import {
  type ParsedRule,
  parseRule,
  parseServed,
  parseServiceRule,
  RuleProblem,
  type Served,
  trimmed,
  wordsOf,
} from "./parse-rule.ts"
import { childrenOf, isDirectory, resolvePath } from "./path.ts"
import { PolicyError, type PolicyProblem } from "./policy-error.ts"
import { isPolicyFile, topFiles } from "./policy-files.ts"
import type { Rule } from "./rule.ts"

export interface Policy {
  /** In the order in which they are tried. */
  readonly rules: readonly Rule[]
  /** Every file that was read, in order, by its path. */
  readonly loaded: ReadonlySet<string>
  /** For evaluate(). */
  readonly index: PolicyIndex
}

export interface LoadPolicyOptions {
  /** Where to begin; else all files of the directory itself that are named *.policy. */
  readonly main?: string
  /** What `!compat-4.0` reads: files by SERVICE or SERVICE+ARGUMENT. */
  readonly compatFiles?: ReadonlyMap<string, string>
}

/**
 * Reads the files of one directory, by path. Throws PolicyError with everything that is wrong, up to a bound: one
 * mistake makes all of it unusable, since a rule that is left out could be the one that denies.
 */
export function loadPolicy(files: ReadonlyMap<string, string>, options: LoadPolicyOptions = {}): Policy {
  const loader = new Loader(files, options.compatFiles ?? new Map())
  if (options.main !== undefined) loader.read(options.main, undefined)
  else {
    if (files.size > POLICY_LIMITS.files) {
      loader.report("policy.d", 0, `There are ${files.size} files, ${POLICY_LIMITS.files} are allowed`)
    } else
      for (const name of topFiles(files, (file, message) => loader.report(file, 0, message)))
        loader.read(name, undefined)
  }
  return loader.finish()
}

interface Place {
  readonly file: string
  readonly line: number
}

/** Too much was read: the rest would only add to it. */
class Enough extends Error {}

class Loader {
  readonly #files: ReadonlyMap<string, string>
  readonly #compatFiles: ReadonlyMap<string, string>
  readonly #rules: Rule[] = []
  readonly #loaded = new Set<string>()
  readonly #problems: PolicyProblem[] = []
  /** Files that are being read, each included by the one before. */
  readonly #open: string[] = []
  #lines = 0

  constructor(files: ReadonlyMap<string, string>, compatFiles: ReadonlyMap<string, string>) {
    this.#files = files
    this.#compatFiles = compatFiles
  }

  report(file: string, line: number, message: string): void {
    if (this.#problems.length < POLICY_LIMITS.problems) this.#problems.push({ file, line, message })
  }

  finish(): Policy {
    const [first, ...more] = this.#problems
    if (first !== undefined) throw new PolicyError([first, ...more])
    return { rules: this.#rules, loaded: this.#loaded, index: buildIndex(this.#rules) }
  }

  /** `served`: the file has rules for one service, as R4.0 had them. */
  read(file: string, served: Served | undefined, from?: Place): void {
    this.#readText(this.#files, file, served, from)
  }

  #readText(
    files: ReadonlyMap<string, string>,
    file: string,
    served: Served | undefined,
    from: Place | undefined,
  ): void {
    const text = files.get(file)
    const at = from ?? { file, line: 0 }
    if (text === undefined) return this.report(at.file, at.line, `There is no file ${quoted(file)}`)
    if (text.length > POLICY_LIMITS.fileCharacters) {
      const most = POLICY_LIMITS.fileCharacters
      return this.report(file, 0, `The file has ${text.length} characters, ${most} are allowed`)
    }
    const inCircle = this.#open.indexOf(file)
    if (inCircle >= 0) {
      const circle = [...this.#open.slice(inCircle), file].join(" → ")
      return this.report(at.file, at.line, `Files include each other in a circle: ${circle}`)
    }
    if (this.#open.length >= POLICY_LIMITS.includeDepth) {
      const most = POLICY_LIMITS.includeDepth
      return this.report(at.file, at.line, `More than ${most} files include each other in a row`)
    }
    this.#loaded.add(file)
    this.#open.push(file)
    try {
      text.split(/\r\n|\r|\n/).forEach((line, index) => {
        this.#readLine({ file, line: index + 1 }, line, served)
      })
    } catch (error) {
      if (!(error instanceof Enough) || from !== undefined) throw error
    } finally {
      this.#open.pop()
    }
  }

  #readLine(place: Place, line: string, served: Served | undefined): void {
    this.#lines += 1
    if (this.#lines > POLICY_LIMITS.lines) {
      this.report(
        place.file,
        place.line,
        `More than ${POLICY_LIMITS.lines} lines are read, included ones each time`,
      )
      throw new Enough()
    }
    if (line.length > POLICY_LIMITS.lineCharacters) {
      const most = POLICY_LIMITS.lineCharacters
      return this.report(
        place.file,
        place.line,
        `The line has ${line.length} characters, ${most} are allowed`,
      )
    }
    const text = trimmed(line)
    if (text === "" || text.startsWith("#")) return
    try {
      if (served === undefined) {
        if (text.startsWith("!")) this.#obey(place, text)
        else this.#addRule(place.file, place.line, text, parseRule(text))
        return
      }
      const modern = text.replaceAll("$include:", "!include ").replaceAll("$", "@").replaceAll(",", " ")
      if (modern.startsWith("!")) this.#obeyInService(place, modern, served)
      else this.#addRule(place.file, place.line, text, parseServiceRule(served, trimmed(modern)))
    } catch (error) {
      if (!(error instanceof RuleProblem)) throw error
      this.report(place.file, place.line, error.message)
    }
  }

  #addRule(file: string, line: number | undefined, text: string, parsed: ParsedRule): void {
    if (this.#rules.length >= POLICY_LIMITS.rules) {
      this.report(file, line ?? 0, `There are more than ${POLICY_LIMITS.rules} rules`)
      throw new Enough()
    }
    this.#rules.push({ index: this.#rules.length, file, line, text, ...parsed })
  }

  #obey(place: Place, text: string): void {
    const [directive = "", ...parameters] = wordsOf(text)
    switch (directive) {
      case "!include": {
        const [path] = exactly(directive, parameters, ["FILE"])
        return this.read(resolvePath(path ?? ""), undefined, place)
      }
      case "!include-dir": {
        const [path] = exactly(directive, parameters, ["DIRECTORY"])
        return this.#readDirectory(resolvePath(path ?? ""), place)
      }
      case "!include-service": {
        const [service = "", argument = "", path = ""] = exactly(directive, parameters, [
          "SERVICE",
          "ARGUMENT",
          "FILE",
        ])
        return this.read(resolvePath(path), parseServed(service, argument), place)
      }
      case "!compat-4.0":
        exactly(directive, parameters, [])
        return this.#readCompatible(place)
      default:
        throw new RuleProblem(
          `There is no directive ${quoted(directive)}, only !include, !include-dir, !include-service and !compat-4.0`,
        )
    }
  }

  #obeyInService(place: Place, text: string, served: Served): void {
    const [directive = "", ...parameters] = wordsOf(text)
    if (directive !== "!include") {
      throw new RuleProblem(`A file for one service has no directive ${quoted(directive)}, only !include`)
    }
    const [path] = exactly(directive, parameters, ["FILE"])
    this.read(resolvePath(path ?? ""), served, place)
  }

  #readDirectory(path: string, place: Place): void {
    if (!isDirectory(this.#files, path)) throw new RuleProblem(`There is no directory ${quoted(path)}`)
    for (const name of childrenOf(this.#files, path)) {
      const found = isPolicyFile(name)
      if (found === "ignored") continue
      if (found !== "used") throw new RuleProblem(found.problem)
      this.read(path === "" ? name : `${path}/${name}`, undefined, place)
    }
  }

  #readCompatible(place: Place): void {
    const services = new Map<string, [string, string][]>()
    for (const name of [...this.#compatFiles.keys()].sort()) {
      if (!/^[A-Za-z0-9_.+-]+$/.test(name)) continue
      const plus = name.indexOf("+")
      const service = plus < 0 ? name : name.slice(0, plus)
      const listed = services.get(service) ?? []
      listed.push([plus < 0 ? "*" : name.slice(plus), name])
      services.set(service, listed)
    }
    for (const [service, found] of services) {
      // The file for any argument comes last.
      for (const [argument, name] of [
        ...found.filter(([each]) => each !== "*"),
        ...found.filter(([each]) => each === "*"),
      ]) {
        const served = parseServed(service, argument)
        this.#readText(this.#compatFiles, name, served, place)
        if (argument === "*") continue
        for (const line of ["@anyvm @anyvm deny", "@anyvm @adminvm deny"]) {
          this.#addRule(name, undefined, line, parseServiceRule(served, line))
        }
      }
    }
  }
}

function exactly(directive: string, found: readonly string[], names: readonly string[]): readonly string[] {
  if (found.length === names.length) return found
  const wanted = names.length === 0 ? "nothing" : names.join(" ")
  throw new RuleProblem(`${directive} takes ${wanted}, found ${found.length} words`)
}
