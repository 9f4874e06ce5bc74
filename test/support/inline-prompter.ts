import { connect } from "node:net"
import { Connection } from "@skerry/rpc"
import { inlinePrompter } from "../../packages/cli/src/prompt/inline.ts"

/* As `skerry run` waits for a command that has no terminal of its own, and prints all the time. */
const connection = new Connection(connect(process.argv[2] ?? ""))
const { stdin, stdout, stderr } = process
const now = () => performance.now()
const prompter = inlinePrompter({ stdin, stdout, stderr, now }, connection, { usesKeyboard: false })
if (prompter === undefined) {
  process.stdout.write("not offered\n")
  process.exit(3)
}
const printing = setInterval(() => process.stdout.write("from the command\u001b[1;1H\n"), 20)
await new Promise((resolve) => process.once("SIGUSR1", resolve))
clearInterval(printing)
await prompter[Symbol.asyncDispose]()
connection.close()
process.stdout.write("ended\n")
