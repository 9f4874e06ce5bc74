import type { CommandSpec } from "@skerry/rpc"
import { CliError } from "./cli-error.ts"
import { canHandOver } from "./client-session.ts"
import type { CommandContext, ParsedArguments } from "./command.ts"

/** What `run` and `exec` have in common. */
export const COMMAND_OPTIONS = {
  terminal: {
    kind: "flag",
    short: "t",
    summary: "Give the command a terminal (the default where there is one)",
  },
  "no-terminal": { kind: "flag", short: "T", summary: "Give the command no terminal, only its streams" },
  env: {
    kind: "list",
    short: "e",
    placeholder: "NAME=VALUE",
    summary: "Set a variable in the command's environment",
  },
  workdir: { kind: "value", short: "w", placeholder: "DIR", summary: "Run the command in this directory" },
  user: {
    kind: "value",
    short: "u",
    placeholder: "USER",
    choices: ["user", "root"],
    summary: "Run the command as this user of the domain",
  },
} as const

export function commandSpec(
  context: CommandContext,
  { options, rest = [] }: ParsedArguments<typeof COMMAND_OPTIONS>,
): CommandSpec {
  const { stdin, stdout, environment } = context
  const isInteractive = stdin.isTTY === true && stdout.isTTY === true
  if (options.terminal && !isInteractive) {
    throw new CliError(
      "usage",
      "Cannot give the command a terminal: standard input and output are none; leave out -t",
    )
  }
  const terminal =
    isInteractive && !options["no-terminal"]
      ? { rows: stdout.rows ?? 24, columns: stdout.columns ?? 80, type: environment.TERM ?? "dumb" }
      : undefined
  return {
    argv: [...rest],
    environment: options.env.map(parseVariable),
    terminal,
    workingDirectory: options.workdir,
    user: options.user as "user" | "root" | undefined,
    offersDescriptors: canHandOver(terminal),
  }
}

function parseVariable(word: string): { name: string; value: string } {
  const end = word.indexOf("=")
  if (end < 1) {
    throw new CliError("usage", `Cannot set ${JSON.stringify(word)}: write NAME=VALUE`)
  }
  return { name: word.slice(0, end), value: word.slice(end + 1) }
}
