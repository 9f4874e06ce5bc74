import type { Readable, Writable } from "node:stream"
import type { HostPaths } from "@skerry/model"
import type { RegistryEntry } from "./registry.ts"

/*
 * To add a command: one file in commands/ that exports `command = defineCommand({ … })`, and one line in
 * registry.ts. Help, parsing, completion and error texts follow from the description.
 */

/** What a word on the command line stands for, so that the shell can complete it. */
export type CompletionKind = "instance" | "command" | "file"

interface OptionBase {
  /** One letter: `-d`. */
  readonly short?: string
  readonly summary: string
}

interface ValueOptionBase extends OptionBase {
  /** In help: `--user NAME`. */
  readonly placeholder: string
  readonly choices?: readonly string[]
  readonly complete?: CompletionKind
}

export type OptionSpec =
  | (OptionBase & { readonly kind: "flag" })
  | (ValueOptionBase & { readonly kind: "value" })
  /** May be given several times. */
  | (ValueOptionBase & { readonly kind: "list" })

/** By long name, without the dashes. */
export type OptionTable = Readonly<Record<string, OptionSpec>>

export interface ArgumentSpec {
  /** In help and errors: INSTANCE. */
  readonly name: string
  readonly required: boolean
  /** Takes any number of words: the last argument, or one before others that are required and take any word. */
  readonly many?: boolean
  readonly choices?: readonly string[]
  readonly complete?: CompletionKind
}

type OptionValue<S extends OptionSpec> = S extends { readonly kind: "flag" }
  ? boolean
  : S extends { readonly kind: "list" }
    ? readonly string[]
    : string | undefined

export interface ParsedArguments<O extends OptionTable = OptionTable> {
  readonly options: { readonly [K in keyof O]: OptionValue<O[K]> }
  readonly positionals: readonly string[]
  /** What followed `--`; undefined where there was none. */
  readonly rest: readonly string[] | undefined
}

export interface Example {
  readonly command: string
  readonly summary: string
}

export interface Command<O extends OptionTable = OptionTable> {
  readonly name: string
  /** One line, no full stop: stands in the list of commands. */
  readonly summary: string
  /** Paragraphs for `skerry help NAME`, each wrapped to the terminal. */
  readonly description?: readonly string[]
  readonly arguments: readonly ArgumentSpec[]
  /** What may follow `--`, such as "CMD…"; absent: nothing may. */
  readonly rest?: string
  readonly options: O
  readonly examples: readonly Example[]
  /** Exit status where Skerry itself fails: 1 unless the command passes on another program's status. */
  readonly failureStatus?: 1 | 125
  /** Resolves to the exit status. A thrown coded error is shown as one sentence. */
  run(context: CommandContext, args: ParsedArguments<O>): Promise<number>
}

/** Lets the compiler infer the options' types from their table. */
export function defineCommand<const O extends OptionTable>(command: Command<O>): Command {
  return command
}

export interface InputStream extends Readable {
  readonly isTTY?: boolean
  readonly fd?: number
  setRawMode?(mode: boolean): unknown
}

export interface OutputStream extends Writable {
  readonly isTTY?: boolean
  readonly fd?: number
  readonly columns?: number
  readonly rows?: number
}

/** Everything impure that a command may use; made once, in main.ts. */
export interface CommandContext {
  readonly stdin: InputStream
  readonly stdout: OutputStream
  readonly stderr: OutputStream
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly uid: number
  readonly paths: HostPaths
  /** Aborted by SIGINT, SIGTERM or SIGHUP, unless `takeSignals` holds them. */
  readonly signal: AbortSignal
  /** Hands signals to the command (to pass them on to a domain, say) until the result is disposed of. */
  takeSignals(handler: (signal: NodeJS.Signals) => void): Disposable
  /** Width for text on standard output; 80 where it is no terminal. */
  readonly columns: number
  /** True where `stream` is a terminal on which colours are welcome. */
  coloursOn(stream: OutputStream): boolean
  /** Milliseconds of a clock that never goes back. */
  now(): number
  /** Every command of this program. */
  readonly commands: readonly RegistryEntry[]
  /** URL of this program's main file: what else belongs to it (daemon, agent, config entry) is found from it. */
  readonly programUrl: string
}
