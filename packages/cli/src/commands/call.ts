import { CliError } from "../cli-error.ts"
import { openClient } from "../client.ts"
import { promptMeanwhile } from "../client-prompter.ts"
import { defineCommand } from "../command.ts"
import { carryCall, parseServiceName } from "../service-call.ts"

export const command = defineCommand({
  name: "call",
  summary: "Call a service of a domain, as the host",
  description: [
    "Standard input, output and error are the call's; a terminal is shown its text alone, with control characters written out, and a pipe or file gets every byte. The target is the name of an instance or domain, @dispvm:INSTANCE for a fresh disposable that ends with the call, or @adminvm for a service of the host itself.",
    "Calls of the host are yours: no rule of the policy stands above them, but they are recorded (skerry audit). Calls between domains are made in the domains, by skerry-call.",
    "The exit status is the service's own, 126 if the call was refused, 127 if there is no such service, and 125 if Skerry itself failed.",
  ],
  arguments: [
    { name: "TARGET", required: true, complete: "instance" },
    { name: "SERVICE[+ARG]", required: true },
  ],
  options: {
    timeout: { kind: "value", placeholder: "SECONDS", summary: "Give the call up after so long" },
  },
  examples: [
    { command: "echo hello | skerry call work my.Echo", summary: "Call a service of your own" },
    { command: "skerry call @dispvm:pdf qubes.VMShell < script", summary: "Run a script in a disposable" },
  ],
  failureStatus: 125,
  async run(context, args) {
    const [target = "", word = ""] = args.positionals
    const deadlineMs = parseTimeout(args.options.timeout)
    const connection = await openClient(context)
    await using _ = await promptMeanwhile(context, connection, false)
    return await carryCall(context, connection, { ...parseServiceName(word), target, deadlineMs })
  },
})

const MAX_SECONDS = 1_000_000

function parseTimeout(word: string | undefined): number {
  if (word === undefined) return 0
  const seconds = Number(word)
  if (!(seconds > 0 && seconds <= MAX_SECONDS)) {
    throw new CliError("usage", `Cannot wait for ${JSON.stringify(word)} seconds: give a number above 0`)
  }
  return Math.ceil(seconds * 1000)
}
