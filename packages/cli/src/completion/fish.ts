import type { Command } from "../command.ts"
import { type Candidates, candidates, LIST_INSTANCES } from "./words.ts"

export function fishScript(commands: readonly Command[]): string {
  const lines = commands.flatMap((command) => [
    `complete -c skerry -n __fish_use_subcommand -f -a ${command.name} -d ${fishQuote(command.summary)}`,
    ...commandLines(command, commands),
  ])
  return `# fish completion for skerry. Load it with: skerry completion fish | source
${lines.join("\n")}
`
}

function commandLines(command: Command, commands: readonly Command[]): string[] {
  // After "--" stands a command line of the domain, about which this machine knows nothing.
  const condition = fishQuote(
    `__fish_seen_subcommand_from ${command.name}; and not contains -- -- (commandline -opc)`,
  )
  const start = `complete -c skerry -n ${condition}`
  const options = Object.entries(command.options).map(([name, spec]) => {
    const short = spec.short === undefined ? "" : ` -s ${spec.short}`
    const value = spec.kind === "flag" ? "" : ` -r${offer(candidates(spec, commands))}`
    return `${start}${short} -l ${name} -d ${fishQuote(spec.summary)}${value}`
  })
  const given = command.arguments.map((argument) => `${start}${offer(candidates(argument, commands))}`)
  return [`${start} -s h -l help -d 'Show this text'`, ...options, ...given]
}

function offer(candidate: Candidates): string {
  switch (candidate.kind) {
    case "words":
      return ` -f -a ${fishQuote(candidate.words.join(" "))}`
    case "instances":
      return ` -f -a ${fishQuote(`(${LIST_INSTANCES})`)}`
    case "files":
      return " -F"
  }
}

const fishQuote = (text: string) => `'${text.replace(/['\\]/g, "\\$&")}'`
