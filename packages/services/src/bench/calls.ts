import { createConnection } from "node:net"
import { Connection, call, STREAM } from "@skerry/rpc"
import type { Program } from "../program.ts"

/*
 * skerry-bench-calls TARGET SERVICE COUNT AT_ONCE: makes calls that each send a line and read an answer to its end, and
 * says how long they took, one JSON object on standard output. For `skerry bench`, and for whoever wants to know what
 * calls cost between two domains of theirs. It uses bare calls: what is measured are the calls, not this program.
 */

const LINE = Buffer.from("0123456789abcde\n")
/** Calls before the clock starts: the first ones find nothing at hand yet. */
const WARM_UP = 50

export const benchCalls: Program = async ({ argv: [target = "", service = "", ...numbers], stdout }) => {
  const [count = 1, atOnce = 1] = numbers.map(Number)
  const connection = new Connection(createConnection("/run/skerry/call.sock"))
  const echoes = async (count: number) => {
    let [left, done] = [count, 0]
    const lane = async () => {
      while (left-- > 0) if (await echo(connection, target, service)) done += 1
    }
    await Promise.all(Array.from({ length: atOnce }, lane))
    return done
  }
  await echoes(WARM_UP)
  const startMs = performance.now()
  const done = await echoes(count)
  stdout.write(`${JSON.stringify({ ms: performance.now() - startMs, done, failed: count - done })}\n`)
  connection.close()
  return 0
}

/** True: at least what was sent came back, and the service ended well. */
function echo(connection: Connection, target: string, service: string): Promise<boolean> {
  const params = { target, service, argument: "", deadlineMs: 0, parent: "", progress: false, pipes: false }
  const state = connection.openCall(call, params)
  return new Promise((resolve) => {
    let bytes = 0
    state.listen({
      onEvent: () => {},
      onCancel: () => {},
      onEnd: (type) => resolve(type === "return" && bytes >= LINE.length),
    })
    const output = state.received(STREAM.stdout)
    output.attach((piece) => {
      bytes += piece?.length ?? 0
      return true
    })
    output.pull()
    const input = state.sent(STREAM.stdin)
    input.write(LINE, () => input.end(() => {}))
  })
}
