import { quoted } from "@skerry/model"
import { PolicyIndex } from "./index-rules.ts"
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
import { childrenOf, filesUnder, isDirectory, resolvePath } from "./path.ts"
import { PolicyError, type PolicyProblem } from "./policy-error.ts"
import { compatibleFiles, isPolicyFile, topFiles } from "./policy-files.ts"
import type { Rule } from "./rule.ts"

const LINE_END = /\r\n|\r|\n/

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
  /** What `!compat-4.0` reads: files by SERVICE or SERVICE+ARGUMENT; else those in compat-4.0/. */
  readonly compatFiles?: ReadonlyMap<string, string>
}

/**
 * Reads the files of one directory, by path. Throws PolicyError with everything that is wrong, up to a bound: one
 * mistake makes all of it unusable, since a rule that is left out could be the one that denies.
 */
export function loadPolicy(files: ReadonlyMap<string, string>, options: LoadPolicyOptions = {}): Policy {
  const loader = new Loader(files, options.compatFiles ?? filesUnder(files, "compat-4.0"))
  const tooMany = files.size > POLICY_LIMITS.files
  if (tooMany)
    loader.report("policy.d", 0, `There are ${files.size} files, ${POLICY_LIMITS.files} are allowed`)
  else if (options.main !== undefined) loader.readTop(options.main)
  else {
    const names = topFiles(files, (file, message) => loader.report(file, 0, message))
    for (const name of names) loader.readTop(name)
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
  /** Where includes are looked for. */
  #reading: ReadonlyMap<string, string>
  #lines = 0

  constructor(files: ReadonlyMap<string, string>, compatFiles: ReadonlyMap<string, string>) {
    this.#files = files
    this.#reading = files
    this.#compatFiles = compatFiles
  }

  report(file: string, line: number, message: string): void {
    if (this.#problems.length < POLICY_LIMITS.problems) this.#problems.push({ file, line, message })
  }

  finish(): Policy {
    const [first, ...more] = this.#problems
    if (first !== undefined) throw new PolicyError([first, ...more])
    return { rules: this.#rules, loaded: this.#loaded, index: new PolicyIndex(this.#rules) }
  }

  /** A file that nothing includes. */
  readTop(file: string): void {
    try {
      this.#read(file, undefined)
    } catch (error) {
      if (error instanceof RuleProblem) this.report(file, 0, error.message)
      else if (!(error instanceof Enough)) throw error
    }
  }

  /** Throws RuleProblem, for whatever names the file. `served`: it has rules for one service, as R4.0 had them. */
  #read(file: string, served: Served | undefined): void {
    const text = this.#reading.get(file)
    if (text === undefined) throw new RuleProblem(`There is no file ${quoted(file)}`)
    if (text.length > POLICY_LIMITS.fileCharacters) {
      const most = POLICY_LIMITS.fileCharacters
      throw new RuleProblem(`${quoted(file)} has ${text.length} characters, ${most} are allowed`)
    }
    const inCircle = this.#open.indexOf(file)
    if (inCircle >= 0) {
      const circle = [...this.#open.slice(inCircle), file].join(" → ")
      throw new RuleProblem(`Files include each other in a circle: ${circle}`)
    }
    if (this.#open.length >= POLICY_LIMITS.includeDepth) {
      throw new RuleProblem(`More than ${POLICY_LIMITS.includeDepth} files include each other in a row`)
    }
    this.#loaded.add(file)
    this.#open.push(file)
    try {
      text.split(LINE_END).forEach((line, index) => {
        this.#readLine({ file, line: index + 1 }, line, served)
      })
    } finally {
      this.#open.pop()
    }
  }

  #readLine(place: Place, line: string, served: Served | undefined): void {
    try {
      this.#count(line)
      const text = trimmed(line)
      if (text === "" || text.startsWith("#")) return
      if (served !== undefined) this.#readServiceLine(place, text, served)
      else if (text.startsWith("!")) this.#obey(text)
      else this.#addRule(place.file, place.line, text, parseRule(text))
    } catch (error) {
      if (!(error instanceof RuleProblem || error instanceof Enough)) throw error
      // Too much is reported once, by the innermost file.
      if (error.message !== "") this.report(place.file, place.line, error.message)
      if (error instanceof Enough) throw new Enough()
    }
  }

  #count(line: string): void {
    this.#lines += 1
    if (this.#lines > POLICY_LIMITS.lines) {
      throw new Enough(`More than ${POLICY_LIMITS.lines} lines are read, included ones each time`)
    }
    if (line.length > POLICY_LIMITS.lineCharacters) {
      const most = POLICY_LIMITS.lineCharacters
      throw new RuleProblem(`The line has ${line.length} characters, ${most} are allowed`)
    }
  }

  #addRule(file: string, line: number | undefined, text: string, parsed: ParsedRule): void {
    if (this.#rules.length >= POLICY_LIMITS.rules) {
      throw new Enough(`There are more than ${POLICY_LIMITS.rules} rules`)
    }
    this.#rules.push({ index: this.#rules.length, file, line, text, ...parsed })
  }

  #obey(text: string): void {
    const [directive = "", ...parameters] = wordsOf(text)
    switch (directive) {
      case "!include": {
        const [path = ""] = exactly(directive, parameters, ["FILE"])
        this.#read(resolvePath(path), undefined)
        break
      }
      case "!include-dir": {
        const [path = ""] = exactly(directive, parameters, ["DIRECTORY"])
        this.#readDirectory(resolvePath(path))
        break
      }
      case "!include-service": {
        const words = exactly(directive, parameters, ["SERVICE", "ARGUMENT", "FILE"])
        const [service = "", argument = "", path = ""] = words
        this.#read(resolvePath(path), parseServed(service, argument))
        break
      }
      case "!compat-4.0":
        exactly(directive, parameters, [])
        this.#readCompatible()
        break
      default:
        throw new RuleProblem(
          `There is no directive ${quoted(directive)}, only !include, !include-dir, !include-service and !compat-4.0`,
        )
    }
  }

  #readServiceLine(place: Place, written: string, served: Served): void {
    const text = written.replaceAll("$include:", "!include ").replaceAll("$", "@").replaceAll(",", " ")
    if (!text.startsWith("!")) {
      this.#addRule(place.file, place.line, written, parseServiceRule(served, trimmed(text)))
      return
    }
    const [directive = "", ...parameters] = wordsOf(trimmed(text))
    if (directive !== "!include") {
      throw new RuleProblem(`A file for one service has no directive ${quoted(directive)}, only !include`)
    }
    const [path = ""] = exactly(directive, parameters, ["FILE"])
    this.#read(resolvePath(path), served)
  }

  #readDirectory(path: string): void {
    if (!isDirectory(this.#files, path)) throw new RuleProblem(`There is no directory ${quoted(path)}`)
    for (const name of childrenOf(this.#files, path)) {
      const found = isPolicyFile(name)
      if (found === "ignored") continue
      if (found !== "used") throw new RuleProblem(found.problem)
      this.#read(path === "" ? name : `${path}/${name}`, undefined)
    }
  }

  /** A file for one argument comes before the one for any, and denies what it does not name. */
  #readCompatible(): void {
    for (const { name, service, argument } of compatibleFiles(this.#compatFiles.keys())) {
      const served = parseServed(service, argument)
      this.#reading = this.#compatFiles
      try {
        this.#read(name, served)
      } finally {
        this.#reading = this.#files
      }
      if (argument === "*") continue
      for (const implied of ["@anyvm @anyvm deny", "@anyvm @adminvm deny"]) {
        this.#addRule(name, undefined, implied, parseServiceRule(served, implied))
      }
    }
  }
}

function exactly(directive: string, found: readonly string[], names: readonly string[]): readonly string[] {
  if (found.length === names.length) return found
  const wanted = names.length === 0 ? "nothing" : names.join(" ")
  throw new RuleProblem(`${directive} takes ${wanted}, found ${found.length} words`)
}
