import { basename } from "node:path"
import { quoted, unreachable } from "@skerry/model"
import { GpgError } from "./gpg-error.ts"
import {
  type Command,
  digest,
  keyIdFormat,
  LONG_OPTIONS,
  type Rule,
  SHORT_OPTIONS,
  takesValue,
} from "./options.ts"
import type { GpgRequest, Operation } from "./request.ts"

/** Where the client's bytes come from. */
export type Source =
  | { readonly kind: "stdin" }
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "fd"; readonly fd: number }

/** A command line of gpg's, as it is understood here: what the vault is asked, and what stays with the client. */
export interface CommandLine {
  readonly request: GpgRequest
  /** Undefined: the operation reads nothing. */
  readonly data: Source | undefined
  readonly signature: Source | undefined
  readonly statusFd: number | undefined
  readonly loggerFd: number
  /** Undefined: standard output. */
  readonly outputPath: string | undefined
  readonly overwrites: boolean
}

/** Descriptors above this are no program's. */
const MOST_FD = 1023

type Draft = { -readonly [K in keyof GpgRequest]: GpgRequest[K] }

interface State {
  readonly request: Draft
  readonly commands: Set<Command>
  readonly words: string[]
  statusFd: number | undefined
  loggerFd: number
  output: string | undefined
  hasSpecialNames: boolean
  overwrites: boolean
}

/** Pure. Throws GpgError "usage" for what is not on the allow list. */
export function parseCommandLine(argv: readonly string[]): CommandLine {
  const state: State = {
    request: emptyRequest("version"),
    commands: new Set(),
    words: [],
    statusFd: undefined,
    loggerFd: 2,
    output: undefined,
    hasSpecialNames: false,
    overwrites: false,
  }
  const rest = [...argv]
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === "--") state.words.push(...rest.splice(0))
    else if (word.startsWith("--")) takeLong(state, word.slice(2), rest)
    else if (word.startsWith("-") && word !== "-" && !word.startsWith("-&"))
      takeShort(state, word.slice(1), rest)
    else state.words.push(word)
  }
  return complete(state)
}

export function emptyRequest(operation: Operation): GpgRequest {
  return {
    operation,
    armor: false,
    textMode: false,
    quiet: false,
    verbose: false,
    withColons: false,
    withFingerprint: false,
    withKeygrip: false,
    withSecret: false,
    alwaysTrust: false,
    keyIdFormat: "default",
    digest: "default",
    status: false,
    isDetached: false,
    localUsers: [],
    recipients: [],
    hiddenRecipients: [],
    keys: [],
    claimedFileName: "",
  }
}

function takeLong(state: State, text: string, rest: string[]): void {
  const equals = text.indexOf("=")
  const name = equals === -1 ? text : text.slice(0, equals)
  const rule = LONG_OPTIONS.get(name)
  if (rule === undefined) throw refused(`--${name}`)
  if (!takesValue(rule)) {
    if (equals !== -1) throw new GpgError("usage", `The option --${name} takes no value`)
    apply(state, rule, "")
  } else apply(state, rule, equals === -1 ? nextWord(`--${name}`, rest) : text.slice(equals + 1))
  if (name === "fingerprint") state.request.withFingerprint = true
}

function takeShort(state: State, letters: string, rest: string[]): void {
  for (let at = 0; at < letters.length; at++) {
    const letter = letters.charAt(at)
    const rule = SHORT_OPTIONS.get(letter)
    if (rule === undefined) throw refused(`-${letter}`)
    if (!takesValue(rule)) apply(state, rule, "")
    else {
      apply(state, rule, letters.slice(at + 1) || nextWord(`-${letter}`, rest))
      return
    }
  }
}

const refused = (option: string) =>
  new GpgError(
    "usage",
    `The option ${quoted(option)} does not reach the vault: see docs/split-gpg.md for those that do`,
  )

function nextWord(option: string, rest: string[]): string {
  const value = rest.shift()
  if (value === undefined) throw new GpgError("usage", `The option ${option} needs a value`)
  return value
}

function apply(state: State, rule: Rule, value: string): void {
  const { request } = state
  switch (rule.kind) {
    case "command":
      state.commands.add(rule.command)
      break
    case "flag":
      request[rule.flag] = true
      break
    case "name":
      request[rule.list] = [...request[rule.list], value]
      break
    case "status-fd":
      state.statusFd = parseFd(value)
      break
    case "logger-fd":
      state.loggerFd = parseFd(value)
      break
    case "output":
      state.output = value
      break
    case "set-filename":
      request.claimedFileName = basename(value)
      break
    case "special-names":
      state.hasSpecialNames = true
      break
    case "yes":
      state.overwrites = true
      break
    case "key-id-format":
      request.keyIdFormat = keyIdFormat(value) ?? unknownValue("keyid-format", value)
      break
    case "digest":
      request.digest = digest(value) ?? unknownValue("digest-algo", value)
      break
    case "trust-model":
      request.alwaysTrust = value === "always"
      break
    case "ignored":
      break
    default:
      unreachable(rule)
  }
}

function unknownValue(option: string, value: string): never {
  throw new GpgError("usage", `The option --${option} does not take ${quoted(value)} here`)
}

function parseFd(value: string): number {
  const fd = Number(value)
  if (!/^[0-9]{1,4}$/.test(value) || fd > MOST_FD) {
    throw new GpgError("usage", `${quoted(value)} is no number of a descriptor`)
  }
  return fd
}

function complete(state: State): CommandLine {
  const { request, words } = state
  request.operation = operationOf(state.commands)
  request.status = state.statusFd !== undefined
  const base = {
    statusFd: state.statusFd,
    loggerFd: state.loggerFd,
    overwrites: state.overwrites,
    outputPath: state.output === "-" ? undefined : state.output,
  }
  switch (request.operation) {
    case "version":
    case "list-keys":
    case "list-secret-keys":
    case "export":
      request.keys = words
      return { ...base, request, data: undefined, signature: undefined }
    case "verify": {
      const [first = "-", second, ...more] = words
      if (more.length > 0) throw new GpgError("usage", "A signature is verified over one file")
      request.isDetached = second !== undefined
      const signature = source(first, state)
      if (second === undefined) return { ...base, request, data: signature, signature: undefined }
      return { ...base, request, data: source(second, state), signature }
    }
    default: {
      const [word = "-", ...more] = words
      if (more.length > 0) throw new GpgError("usage", `${words.length} files were named, one is taken`)
      const data = source(word, state)
      if (data.kind === "file" && request.claimedFileName === "")
        request.claimedFileName = basename(data.path)
      const outputPath = state.output === undefined ? besideInput(request, data) : base.outputPath
      return { ...base, outputPath, request, data, signature: undefined }
    }
  }
}

function operationOf(commands: ReadonlySet<Command>): Operation {
  const names = [...commands].sort().join(" ")
  if (names === "encrypt sign") return "sign-encrypt"
  if (names === "detach-sign sign") return "detach-sign"
  const [only] = commands
  if (commands.size === 1 && only !== undefined) return only
  throw new GpgError(
    "usage",
    commands.size === 0 ? "Say what to do, such as --sign or --decrypt" : `gpg cannot do ${names} at once`,
  )
}

function source(word: string, state: State): Source {
  if (word === "-") return { kind: "stdin" }
  if (state.hasSpecialNames && word.startsWith("-&")) return { kind: "fd", fd: parseFd(word.slice(2)) }
  return { kind: "file", path: word }
}

/** Where gpg writes if it is not told: beside the file that it reads. */
function besideInput(request: GpgRequest, data: Source): string | undefined {
  if (data.kind !== "file") return undefined
  const endings: Partial<Record<Operation, string>> = {
    sign: "gpg",
    encrypt: "gpg",
    "sign-encrypt": "gpg",
    "detach-sign": "sig",
    "clear-sign": "asc",
  }
  const ending = endings[request.operation]
  return ending === undefined ? undefined : `${data.path}.${request.armor ? "asc" : ending}`
}
