import type { Command, OptionSpec } from "./command.ts"
import { wrap } from "./render/wrap.ts"

const INDENT = "  "

/** Pure: the text of `skerry help NAME`. */
export function commandHelp(command: Command, columns: number): string {
  const sections = [
    `skerry ${command.name}: ${command.summary}`,
    `Usage:\n${INDENT}${usageLine(command)}`,
    ...(command.description ?? []).map((paragraph) => wrap(paragraph, columns)),
    optionsSection(command, columns),
    examplesSection(command),
  ]
  return `${sections.filter((section) => section !== "").join("\n\n")}\n`
}

export function usageLine(command: Command): string {
  const words = ["skerry", command.name, "[OPTION…]"]
  for (const argument of command.arguments) {
    const name = argument.choices?.join("|") ?? argument.name
    const shown = argument.many === true ? `${name}…` : name
    words.push(argument.required ? shown : `[${shown}]`)
  }
  if (command.rest !== undefined) words.push(`[-- ${command.rest}]`)
  return words.join(" ")
}

function optionsSection(command: Command, columns: number): string {
  const rows = Object.entries(command.options).map(([name, spec]) => [
    optionTerm(name, spec),
    optionText(spec),
  ])
  rows.push(["-h, --help", "Show this text"])
  return `Options:\n${definitionList(rows, columns)}`
}

function optionTerm(name: string, spec: OptionSpec): string {
  const short = spec.short === undefined ? "    " : `-${spec.short}, `
  const value = spec.kind === "flag" ? "" : ` ${spec.placeholder}`
  return `${short}--${name}${value}`
}

function optionText(spec: OptionSpec): string {
  const choices = spec.kind !== "flag" && spec.choices !== undefined ? ` (${spec.choices.join(" or ")})` : ""
  const repeat = spec.kind === "list" ? "; may be repeated" : ""
  return `${spec.summary}${choices}${repeat}`
}

function examplesSection(command: Command): string {
  const lines = command.examples.flatMap((example) => [
    `${INDENT}# ${example.summary}`,
    `${INDENT}${example.command}`,
  ])
  return lines.length === 0 ? "" : `Examples:\n${lines.join("\n")}`
}

/** Pure: the text of `skerry help`. */
export function overview(commands: readonly Command[], columns: number): string {
  const rows = commands.map((command) => [command.name, command.summary])
  return `${[
    "skerry: every application instance on its own island",
    `Usage:\n${INDENT}skerry COMMAND [OPTION…] [ARGUMENT…]`,
    `Commands:\n${definitionList(rows, columns)}`,
    `Examples:\n${[
      `${INDENT}# Write a starter configuration, and build what it describes`,
      `${INDENT}skerry init && skerry build`,
      `${INDENT}# Read an untrusted file inside a virtual machine that ends with the command`,
      `${INDENT}skerry run -d pdf -- pdftotext - - < untrusted.pdf`,
    ].join("\n")}`,
    wrap("`skerry help COMMAND` or `skerry COMMAND --help` tells more about one command.", columns),
  ].join("\n\n")}\n`
}

function definitionList(rows: readonly (readonly string[])[], columns: number): string {
  const termWidth = Math.max(...rows.map(([term = ""]) => term.length))
  const hanging = " ".repeat(INDENT.length + termWidth + 2)
  return rows
    .map(([term = "", text = ""]) => {
      const wrapped = wrap(text, columns - hanging.length).replaceAll("\n", `\n${hanging}`)
      return `${INDENT}${term.padEnd(termWidth)}  ${wrapped}`
    })
    .join("\n")
}
