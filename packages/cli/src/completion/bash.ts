import type { Command } from "../command.ts"
import { type Candidates, candidates, LIST_INSTANCES } from "./words.ts"

export function bashScript(commands: readonly Command[]): string {
  const names = commands.map((command) => command.name).join(" ")
  return `# bash completion for skerry. Load it with: source <(skerry completion bash)
_skerry() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" at
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${names}" -- "$word"))
    return
  fi
  # After "--" stands a command line of the domain, about which this machine knows nothing.
  for ((at = 2; at < COMP_CWORD; at++)); do
    [ "\${COMP_WORDS[at]}" = "--" ] && return
  done
  case "\${COMP_WORDS[1]}" in
${commands.map((command) => commandCase(command, commands)).join("\n")}
  esac
}
complete -o default -F _skerry skerry
`
}

function commandCase(command: Command, commands: readonly Command[]): string {
  const options = Object.entries(command.options)
  const values = options.flatMap(([name, spec]) =>
    spec.kind === "flag"
      ? []
      : [
          `        ${[`--${name}`, ...(spec.short === undefined ? [] : [`-${spec.short}`])].join("|")})`,
          `          ${reply(candidates(spec, commands))}; return;;`,
        ],
  )
  const dashes = ["--help", ...options.map(([name]) => `--${name}`)].join(" ")
  const lines = [
    `    ${command.name})`,
    ...(values.length === 0 ? [] : ['      case "$before" in', ...values, "      esac"]),
    '      if [[ "$word" == -* ]]; then',
    `        ${reply({ kind: "words", words: dashes.split(" ") })}`,
    "      else",
    `        ${argumentReply(command, commands)}`,
    "      fi;;",
  ]
  return lines.join("\n")
}

/** bash is not told which argument it completes: the words of all of them are offered. */
function argumentReply(command: Command, commands: readonly Command[]): string {
  const all = command.arguments.map((argument) => candidates(argument, commands))
  const words = all.flatMap((each) => (each.kind === "words" ? each.words : []))
  if (all.some((each) => each.kind === "instances")) return reply({ kind: "instances" })
  return reply(all.some((each) => each.kind === "files") ? { kind: "files" } : { kind: "words", words })
}

function reply(candidate: Candidates): string {
  switch (candidate.kind) {
    case "words":
      return `COMPREPLY=($(compgen -W "${candidate.words.join(" ")}" -- "$word"))`
    case "instances":
      return `COMPREPLY=($(compgen -W "$(${LIST_INSTANCES})" -- "$word"))`
    case "files":
      return 'COMPREPLY=($(compgen -f -- "$word"))'
  }
}
