import { RpcError } from "@skerry/rpc"
import { CliError } from "../cli-error.ts"
import { openClient } from "../client.ts"
import { defineCommand } from "../command.ts"
import { servePrompts } from "../prompt/prompt-session.ts"

export const command = defineCommand({
  name: "prompt",
  summary: "Answer the questions that the policy leaves to you",
  description: [
    "Takes the whole terminal and shows what domains ask for, one question at a time. Without a prompter such calls are refused. Several may be open: the first answer counts.",
    "y allows and n refuses; before y counts, the question must have been shown for a second, all of it must have been on the screen, and a target must be chosen (digits, or the arrow keys). Tab changes how long the answer is good for, N refuses until you revoke it. The left and right arrows go to other questions, q leaves.",
    '"skerry grants" lists the answers that are remembered.',
  ],
  arguments: [],
  options: {},
  examples: [{ command: "skerry prompt", summary: "Keep it open in a window of its own" }],
  async run(context) {
    const { stdin, stdout, signal, now } = context
    if (stdin.isTTY !== true || stdout.isTTY !== true) {
      throw new CliError("refused", "Cannot ask here: standard input and output are no terminal")
    }
    const connection = await openClient(context)
    const serving = servePrompts(connection, {
      name: `terminal of process ${process.pid}`,
      signal,
      now: () => now(),
      always: true,
      takeTerminal: () => ({ input: stdin, output: stdout, [Symbol.dispose]: () => undefined }),
    })
    await serving.catch((cause: unknown) => {
      if (!(cause instanceof RpcError)) throw cause
      throw new CliError(
        "refused",
        'The daemon has ended, and what it asked is refused: "skerry daemon --log" shows why',
        { cause },
      )
    })
    connection.close()
    return 0
  },
})
