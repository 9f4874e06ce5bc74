import type { Connection } from "@skerry/rpc"
import type { CommandContext } from "./command.ts"

/**
 * Answers questions of the policy here while a command is waited for, where that is safe: somebody looks at this
 * terminal, and its keys are not the command's. Loaded only then.
 */
export async function promptMeanwhile(
  context: CommandContext,
  connection: Connection,
  commandHasTerminal: boolean,
): Promise<AsyncDisposable | undefined> {
  const usesKeyboard = commandHasTerminal || context.stdin.isTTY === true
  if (usesKeyboard || context.stderr.isTTY !== true) return undefined
  const { inlinePrompter } = await import("./prompt/inline.ts")
  return inlinePrompter(context, connection, { usesKeyboard })
}
