import { basename } from "node:path"
import type { PortHandler } from "@skerry/loop"
import { Port, servePort } from "@skerry/loop"
import {
  type ExecParams,
  encodeCall,
  exec,
  type IdentifyParams,
  identify,
  type Method,
  ping,
  STREAM,
  service,
} from "@skerry/rpc"
import type { ExecHost } from "./exec.ts"
import { AGENT } from "./limits.ts"

/**
 * Calls the agent's own handlers over a socket as the host will: a domain is cloned from this process as it is
 * afterwards, with code compiled and pages touched. `program` ends at once and is found in every image; the handlers
 * find it as a service, too.
 */
export function warmUp(
  { loop, linux }: Pick<ExecHost, "loop" | "linux">,
  handlers: readonly PortHandler[],
  program: readonly string[],
): void {
  const [callerFd, agentFd] = linux.socketPair()
  const agent = servePort({ loop, linux, fd: agentFd, onEnd: () => {} }, handlers)
  const caller = new Port({ loop, linux, fd: callerFd, onEnd: () => {} })
  const command: ExecParams = {
    argv: [...program],
    environment: [],
    workingDirectory: "",
    user: "user",
    terminal: undefined,
    descriptors: false,
  }
  const [file = "", argument = ""] = program
  const rehearsal = {
    ...{ service: basename(file), argument, source: "", requestedTarget: "", user: "", callId: "" },
    progress: true,
  }
  for (let run = 0; run < AGENT.warmUpRuns; run++) {
    // What was needed until here goes; what the last runs make of the heap is what a clone finds.
    if (run === AGENT.warmUpRuns - AGENT.warmUpRunsAfterCollection) globalThis.gc?.()
    callOnce(caller, ping, { version: 0 })
    open(caller, identify, nobody())
    callOnce(caller, exec, command)
    callOnce(caller, service, rehearsal)
    // Slower, and nobody waits for a terminal's first line as for a command's end.
    if (run < AGENT.warmUpTerminals)
      callOnce(caller, exec, { ...command, terminal: { rows: 24, columns: 80, type: "linux" } })
  }
  caller.close()
  agent.close()

  /** Runs the loop until the call is answered. */
  function callOnce<P>(port: Port, method: Method<P, unknown, unknown, unknown>, params: P): void {
    open(port, method, params, () => loop.stop())
    loop.run()
  }
}

function open<P>(
  port: Port,
  method: Method<P, unknown, unknown, unknown>,
  params: P,
  onEnd = () => {},
): void {
  const call = port.calls.call()
  call.listen({ onEvent: () => {}, onCancel: () => {}, onEnd })
  for (const stream of [STREAM.stdout, STREAM.stderr]) call.received(stream).discard()
  call.open(encodeCall(method, params))
  call.sent(STREAM.stdin).end(() => {})
}

/** An identity that every clone replaces. */
const nobody = (): IdentifyParams => ({
  entropy: new Uint8Array(32),
  wallClockNs: BigInt(Date.now()) * 1_000_000n,
  hostName: "skerry",
  machineId: "0".repeat(32),
})
