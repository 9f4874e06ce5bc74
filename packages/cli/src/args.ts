import { nearMatch, quoted } from "@skerry/model"
import { CliError } from "./cli-error.ts"
import type { ArgumentSpec, Command, OptionSpec, OptionTable, ParsedArguments } from "./command.ts"

/** `--help` and `-h` work for every command and are in no table. */
export type ParseResult =
  | { readonly kind: "help" }
  | { readonly kind: "parsed"; readonly args: ParsedArguments }

type Value = boolean | string | readonly string[] | undefined

const usage = (message: string) => new CliError("usage", message)

/**
 * Options (`--name value`, `--name=value`, `-n value`, `-nvalue`, `-abc`) may stand before, between and after
 * the arguments; `--` ends both. Throws CliError "usage".
 */
export function parseArguments(command: Command, words: readonly string[]): ParseResult {
  const values = emptyValues(command.options)
  const given = new Set<string>()
  const positionals: string[] = []
  let rest: readonly string[] | undefined
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? ""
    if (word === "--") {
      rest = words.slice(at + 1)
      break
    }
    if (word === "--help" || word === "-h") return { kind: "help" }
    if (!word.startsWith("-") || word === "-") {
      positionals.push(word)
      continue
    }
    for (const option of splitOption(command, word)) {
      let text = option.text
      if (option.spec.kind !== "flag" && text === undefined) {
        at += 1
        text = words[at]
      }
      store(values, given, option, text)
    }
  }
  checkRest(command, rest)
  checkPositionals(command, positionals)
  return { kind: "parsed", args: { options: values, positionals, rest } }
}

function emptyValues(options: OptionTable): Record<string, Value> {
  const values: Record<string, Value> = {}
  for (const [name, spec] of Object.entries(options)) {
    values[name] = spec.kind === "flag" ? false : spec.kind === "list" ? [] : undefined
  }
  return values
}

interface FoundOption {
  readonly name: string
  /** As it was typed, for messages. */
  readonly shown: string
  readonly spec: OptionSpec
  /** The value that the same word brought. */
  readonly text: string | undefined
}

function splitOption(command: Command, word: string): FoundOption[] {
  return word.startsWith("--") ? [longOption(command, word)] : shortOptions(command, word)
}

function longOption(command: Command, word: string): FoundOption {
  const equals = word.indexOf("=")
  const name = equals === -1 ? word.slice(2) : word.slice(2, equals)
  const text = equals === -1 ? undefined : word.slice(equals + 1)
  const spec = Object.hasOwn(command.options, name) ? command.options[name] : undefined
  if (spec === undefined) {
    const near = nearMatch(name, [...Object.keys(command.options), "help"])
    throw usage(
      `Unknown option ${quoted(`--${name}`)}${near === undefined ? "" : `: did you mean --${near}?`}`,
    )
  }
  if (spec.kind === "flag" && text !== undefined) {
    throw usage(`Option --${name} takes no value, found ${quoted(text)}`)
  }
  return { name, shown: `--${name}`, spec, text }
}

function shortOptions(command: Command, word: string): FoundOption[] {
  const found: FoundOption[] = []
  for (let at = 1; at < word.length; at++) {
    const letter = word[at] ?? ""
    const entry = Object.entries(command.options).find(([, spec]) => spec.short === letter)
    if (entry === undefined) {
      const inWord = word.length > 2 ? ` in ${quoted(word)}` : ""
      throw usage(`Unknown option ${quoted(`-${letter}`)}${inWord}`)
    }
    const [name, spec] = entry
    const after = word.slice(at + 1)
    const takesAfter = spec.kind !== "flag" && after !== ""
    found.push({ name, shown: `-${letter}`, spec, text: takesAfter ? after : undefined })
    if (spec.kind !== "flag") break
  }
  return found
}

function store(
  values: Record<string, Value>,
  given: Set<string>,
  { name, shown, spec }: FoundOption,
  text: string | undefined,
): void {
  if (spec.kind === "flag") {
    values[name] = true
    return
  }
  if (text === undefined) throw usage(`Option ${shown} needs a value: ${shown} ${spec.placeholder}`)
  if (spec.choices !== undefined && !spec.choices.includes(text)) {
    throw usage(notAChoice(`option ${shown}`, text, spec.choices))
  }
  if (spec.kind === "list") {
    values[name] = [...((values[name] as readonly string[] | undefined) ?? []), text]
    return
  }
  if (given.has(name)) throw usage(`Option --${name} is given twice`)
  given.add(name)
  values[name] = text
}

function notAChoice(what: string, found: string, choices: readonly string[]): string {
  const near = nearMatch(found, choices)
  const hint = near === undefined ? "" : `: did you mean ${near}?`
  return `Cannot use ${quoted(found)} for ${what}${hint || `: use ${choices.join(" or ")}`}`
}

function checkRest(command: Command, rest: readonly string[] | undefined): void {
  if (rest !== undefined && rest.length > 0 && command.rest === undefined) {
    throw usage(`skerry ${command.name} takes nothing after --, found ${quoted(rest[0] ?? "")}`)
  }
}

function checkPositionals(command: Command, positionals: readonly string[]): void {
  const specs = command.arguments
  const last = specs.at(-1)
  const missing = specs.find((spec, index) => spec.required && index >= positionals.length)
  if (missing !== undefined) throw usage(`${missing.name} is missing`)
  if (positionals.length > specs.length && !specs.some(({ many }) => many === true)) {
    const extra = quoted(positionals[specs.length] ?? "")
    const hint = command.rest === undefined ? "" : `: ${command.rest} goes after --`
    throw usage(`Unexpected argument ${extra}${hint}`)
  }
  positionals.forEach((word, index) => {
    const spec: ArgumentSpec | undefined = specs[index] ?? last
    if (spec?.choices !== undefined && !spec.choices.includes(word)) {
      throw usage(notAChoice(spec.name, word, spec.choices))
    }
  })
}
