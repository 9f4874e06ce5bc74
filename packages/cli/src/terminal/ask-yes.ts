import { once } from "node:events"
import { createInterface } from "node:readline/promises"
import { setTimeout } from "node:timers/promises"
import { CliError } from "../cli-error.ts"
import type { CommandContext } from "../command.ts"

/** To read what a terminal has kept. */
const TYPED_MS = 100

export type AskContext = Pick<CommandContext, "stdin" | "stderr" | "signal">

/** Asks "[y/N]" on a terminal; the end of the input answers no. `question` must be safe to show. */
export async function askYes({ stdin, stderr, signal }: AskContext, question: string): Promise<boolean> {
  await dropTyped(stdin, signal)
  if (stdin.readableEnded) return false
  const lines = createInterface({ input: stdin, output: stderr })
  // The end of the input answers nothing.
  const ended = once(lines, "close").then(() => "")
  try {
    const answer = await Promise.race([lines.question(`${question} [y/N] `, { signal }), ended])
    return /^(?:y|yes)$/i.test(answer.trim())
  } finally {
    lines.close()
  }
}

/**
 * What takes something away is done when it was agreed to: on the terminal, or beforehand with --yes. The last line of
 * `question` is the question.
 */
export async function isAgreed(context: AskContext, agreed: boolean, question: string): Promise<boolean> {
  if (agreed) return true
  if (context.stdin.isTTY !== true) {
    const words = question.replaceAll("\n", " ")
    throw new CliError("refused", `There is no terminal to ask on: ${words} With --yes it is done unasked`)
  }
  const lines = question.split("\n")
  const last = lines.pop() ?? ""
  for (const line of lines) context.stderr.write(`${line}\n`)
  if (await askYes(context, last)) return true
  context.stderr.write("Nothing was changed\n")
  return false
}

/** A terminal keeps what is typed before anybody reads it: to a question that a domain made up, perhaps. */
export async function dropTyped(stdin: CommandContext["stdin"], signal: AbortSignal): Promise<void> {
  const drop = () => {}
  stdin.on("data", drop).resume()
  try {
    await setTimeout(TYPED_MS, undefined, { signal })
  } finally {
    stdin.off("data", drop).pause()
  }
}
