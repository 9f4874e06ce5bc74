import type { Command, OptionSpec } from "../command.ts"
import { type Candidates, candidates, LIST_INSTANCES, shellQuote } from "./words.ts"

export function zshScript(commands: readonly Command[]): string {
  const described = commands.map((command) => `    ${shellQuote(`${command.name}:${command.summary}`)}`)
  return `#compdef skerry
# zsh completion for skerry. Load it with: source <(skerry completion zsh)
_skerry_instances() {
  local -a instances
  instances=(\${(f)"$(${LIST_INSTANCES})"})
  compadd -a instances
}

_skerry() {
  local -a commands
  commands=(
${described.join("\n")}
  )
  if (( CURRENT == 2 )); then
    _describe -t commands command commands
    return
  fi
  local command="$words[2]"
  shift words
  (( CURRENT-- ))
  case "$command" in
${commands.map((command) => commandCase(command, commands)).join("\n")}
  esac
}
compdef _skerry skerry
`
}

function commandCase(command: Command, commands: readonly Command[]): string {
  const specs = [
    shellQuote("(-h --help)--help[Show this text]"),
    ...Object.entries(command.options).flatMap(([name, spec]) => optionSpecs(name, spec, commands)),
    ...command.arguments.map((argument, index) => {
      const place = argument.many === true ? "*" : String(index + 1)
      return shellQuote(`${place}:${inSpec(argument.name)}:${action(candidates(argument, commands))}`)
    }),
    ...(command.rest === undefined ? [] : [shellQuote(`*:${inSpec(command.rest)}:_files`)]),
  ]
  return `    ${command.name})\n      _arguments -s -S ${specs.join(" \\\n        ")};;`
}

function optionSpecs(name: string, spec: OptionSpec, commands: readonly Command[]): string[] {
  const forms = [`--${name}`, ...(spec.short === undefined ? [] : [`-${spec.short}`])]
  const exclusive = spec.kind === "list" ? "*" : `(${forms.join(" ")})`
  const value =
    spec.kind === "flag" ? "" : `:${inSpec(spec.placeholder)}:${action(candidates(spec, commands))}`
  return forms.map((form) => shellQuote(`${exclusive}${form}[${inSpec(spec.summary)}]${value}`))
}

/** Colons and brackets have a meaning in the specifications of _arguments. */
const inSpec = (text: string) => text.replace(/[:[\]\\]/g, "\\$&")

function action(candidate: Candidates): string {
  switch (candidate.kind) {
    case "words":
      return `(${candidate.words.join(" ")})`
    case "instances":
      return "_skerry_instances"
    case "files":
      return "_files"
  }
}
