import { Socket } from "node:net"
import type { Linux } from "@skerry/linux"
import { Connection, type ExecParams, exec, type Handlers, ping } from "@skerry/rpc"
import { AGENT } from "./limits.ts"

/**
 * Calls the agent's own handlers over a socket as the host will: a domain is cloned from this process as it is
 * afterwards, with code compiled and pages touched. `program` ends at once and is found in every image.
 */
export async function warmUp(linux: Linux, handlers: Handlers, program: readonly string[]): Promise<void> {
  const [callerFd, agentFd] = linux.socketPair()
  const agent = new Connection(new Socket({ fd: agentFd }), { serve: handlers })
  const caller = new Connection(new Socket({ fd: callerFd }))
  const common: ExecParams = {
    argv: [...program],
    environment: [],
    workingDirectory: "/",
    user: "user",
    terminal: undefined,
    descriptors: false,
  }
  for (let run = 0; run < AGENT.warmUpRuns; run++) {
    await caller.call(ping, { version: 0 }).result
    await runOnce(caller, common)
    await runOnce(caller, { ...common, terminal: { rows: 24, columns: 80, type: "linux" } })
  }
  caller.close()
  agent.close()
  await Promise.all([caller.closed, agent.closed])
}

async function runOnce(caller: Connection, params: ExecParams): Promise<void> {
  const call = caller.call(exec, params)
  call.stdout.resume()
  call.stderr.resume()
  call.stdin.end()
  await call.result
}
