import { ADMIN } from "@skerry/rpc"
import { CliError } from "../cli-error.ts"
import { openClient } from "../client.ts"
import { COMMAND_OPTIONS, commandSpec } from "../client-command.ts"
import { promptMeanwhile } from "../client-prompter.ts"
import { carryCommand } from "../client-session.ts"
import { defineCommand } from "../command.ts"

export const command = defineCommand({
  name: "run",
  summary: "Run a command in an instance's domain, which is started if need be",
  description: [
    "Without a command, the application's own is run. The domain stays until it is stopped, unless it is disposable: then it is a fresh one that ends with its command and leaves nothing.",
    "Standard input, output and error are passed on as they are. The exit status is the command's own, 128 and the signal's number if a signal ended it, 127 and 126 if there is no such program or it cannot be run, and 125 if Skerry itself failed.",
    "Ctrl-C interrupts the command; a second one asks it to end, a third one kills it. In a terminal of its own the command gets Ctrl-C as a key.",
  ],
  arguments: [{ name: "INSTANCE", required: true, complete: "instance" }],
  rest: "CMD…",
  options: {
    disposable: { kind: "flag", short: "d", summary: "In a fresh domain that ends with the command" },
    detach: { kind: "flag", summary: "Only start the domain, and print its name" },
    ...COMMAND_OPTIONS,
  },
  examples: [
    {
      command: "skerry run -d pdf -- pdftotext - - < untrusted.pdf",
      summary: "Read a file that nobody vouches for",
    },
    { command: "skerry run scratch", summary: "A shell in a domain that stays" },
    { command: "skerry run --detach mail", summary: "Start a domain ahead" },
  ],
  failureStatus: 125,
  async run(context, args) {
    const { disposable: isDisposable, detach } = args.options
    const [instance = ""] = args.positionals
    if (detach && (isDisposable || args.rest !== undefined)) {
      throw new CliError(
        "usage",
        "--detach only starts a domain: it goes with neither --disposable nor a command",
      )
    }
    const connection = await openClient(context)
    if (detach) {
      const { domain } = await connection.call(ADMIN.start, { instance }, { signal: context.signal }).result
      context.stdout.write(`${domain}\n`)
      return 0
    }
    const spec = commandSpec(context, args)
    await using _ = await promptMeanwhile(context, connection, spec.terminal !== undefined)
    return await carryCommand(context, spec, (options) =>
      connection.call(ADMIN.run, { instance, isDisposable, command: spec }, options),
    )
  },
})
