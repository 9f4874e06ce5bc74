import { nearMatch, printableLines, quoted } from "@skerry/model"
import { parseArguments } from "./args.ts"
import { CliError } from "./cli-error.ts"
import type { Command, CommandContext } from "./command.ts"
import type { RegistryEntry } from "./registry.ts"

/** 128 + the signal's number, as shells have it. */
const INTERRUPTED: Readonly<Record<string, number>> = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 }
const USAGE_STATUS = 2

/** Runs one command line (without the program's name); resolves to its exit status, also where the command fails. */
export async function dispatch(words: readonly string[], context: CommandContext): Promise<number> {
  const [first, ...others] = words
  const isHelp = first === undefined || first === "--help" || first === "-h"
  const name = isHelp ? "help" : first === "--version" ? "version" : first
  const entry = context.commands.find((each) => each.name === name)
  if (entry === undefined) return failUsage(context, unknownCommand(name, context.commands))
  const { command } = await entry.load()
  try {
    const parsed = parseArguments(command, isHelp ? [] : others)
    if (parsed.kind === "parsed") return await command.run(context, parsed.args)
    const { commandHelp } = await import("./help.ts")
    context.stdout.write(commandHelp(command, context.columns))
    return 0
  } catch (error) {
    return fail(context, command, error)
  }
}

function unknownCommand(name: string, commands: readonly RegistryEntry[]): string {
  const names = commands.filter((each) => each.hidden !== true).map((each) => each.name)
  const near = nearMatch(name, names)
  return `skerry: Unknown command ${quoted(name)}${near === undefined ? "" : `: did you mean ${near}?`}\nTry: skerry help\n`
}

function failUsage(context: CommandContext, text: string): number {
  context.stderr.write(text)
  return USAGE_STATUS
}

function fail(context: CommandContext, command: Command, error: unknown): number {
  const status = command.failureStatus ?? 1
  if (error instanceof CliError && error.code === "usage") {
    const text = `skerry ${command.name}: ${printableLines(error.message)}\nTry: skerry help ${command.name}\n`
    context.stderr.write(text)
    return status === 125 ? status : USAGE_STATUS
  }
  if (context.signal.aborted) {
    const signal = context.signal.reason instanceof Interrupted ? context.signal.reason.signal : "SIGINT"
    return INTERRUPTED[signal] ?? status
  }
  context.stderr.write(`skerry ${command.name}: ${printableLines(describeError(error))}\n`)
  return status
}

/** Why a command's `signal` was aborted. */
export class Interrupted extends CliError {
  readonly signal: NodeJS.Signals
  constructor(signal: NodeJS.Signals) {
    super("interrupted", `Interrupted by ${signal}`)
    this.signal = signal
  }
}

/** Coded errors are made for people; anything else is a mistake of ours, and its stack says where. */
function describeError(error: unknown): string {
  if (!(error instanceof Error)) return `Internal error: ${String(error)}`
  if (typeof (error as { code?: unknown }).code === "string") return error.message
  return `Internal error, please report it: ${error.stack ?? error.message}`
}
