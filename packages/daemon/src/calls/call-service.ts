import { type Answer, type CallState, call, encodeFailure, Fail, relay, STREAM, service } from "@skerry/rpc"
import { type Decoded, decode, encode } from "@skerry/wire"
import type { DomainDriver } from "../domain-driver.ts"
import { messageOf } from "../errors.ts"
import type { CallPipes } from "./call-pipes.ts"
import type { Carried } from "./call-records.ts"
import { NO_SUCH_SERVICE } from "./host-services.ts"

export interface ServiceRun {
  readonly params: Decoded<typeof service.params>
  /** In place of the streams stdin and stdout, if what serves takes them. */
  readonly pipes: CallPipes | undefined
  /** The target's agent has answered, and all that was said has been carried; `exit` is for the audit log. */
  readonly onEnd: (exit: string, carried: Carried) => void
  readonly onGivenUp: () => void
}

export interface JoinedService {
  /** Ends the call for both sides. */
  fail(code: string, message: string): void
  /** So far; where pipes carry it, once they have ended. */
  carried(): Carried | Promise<Carried>
}

const STARTED = encode(call.down, { kind: "started" })
const SIGNAL_STATUS = 128
/** As the reference's clients have a service that is there and cannot be run. */
const NOT_EXECUTABLE = 126
const STATUS_OF_FAILURE: ReadonlyMap<string, number> = new Map([
  ["not-found", NO_SUCH_SERVICE],
  ["not-executable", NOT_EXECUTABLE],
])

/**
 * Runs a service in a domain that can be reached, joined to the caller's streams. Throws RangeError, RpcError, or
 * DaemonError where the domain cannot be called.
 */
export function callService(driver: DomainDriver, from: CallState, run: ServiceRun): JoinedService {
  const { pipes, onEnd, onGivenUp } = run
  const agent = driver.agentForCommand()
  const to = agent.openService(run.params)
  let isServing = true
  const leave = () => {
    if (isServing) agent.serviceOver()
    isServing = false
  }
  let isTold = !run.params.progress
  const byStreams = (): Carried => ({
    up: from.received(STREAM.stdin).totalBytes,
    down: to.received(STREAM.stdout).totalBytes + to.received(STREAM.stderr).totalBytes,
  })
  const carried = (): Carried | Promise<Carried> => {
    if (pipes?.isHanded !== true) return byStreams()
    return pipes.carried().then(({ up, down }) => {
      const streams = byStreams()
      return { up: streams.up + up, down: streams.down + down }
    })
  }
  const tellEnd = (exit: string) => {
    if (pipes?.isHanded !== true) pipes?.cancel()
    const all = carried()
    if (all instanceof Promise) void all.then((all) => onEnd(exit, all))
    else onEnd(exit, all)
  }
  const joined = relay(from, to, {
    bytesLast: true,
    onEvent(untrustedBytes) {
      const { kind } = decode(service.down, untrustedBytes)
      if (isTold) return undefined
      isTold = true
      if (pipes === undefined) return STARTED
      if (kind === "startedOnStreams") {
        pipes.cancel()
        return STARTED
      }
      try {
        return pipes.hand() ? encode(call.down, { kind: "handed", label: pipes.label }) : STARTED
      } catch (error) {
        // The service has its pipes already, and nobody at their other ends.
        tellEnd(`failed: the caller's domain takes no pipes: ${messageOf(error)}`)
        fail("unavailable", "This domain did not take the pipes of the call")
        return undefined
      }
    },
    onEnd(type, untrustedBytes) {
      leave()
      try {
        const { exit, answer } = answerOf(type, untrustedBytes)
        tellEnd(exit)
        return answer
      } catch (error) {
        // The call is over for its caller, too, whatever becomes of the target's connection.
        tellEnd("failed: the target broke the protocol")
        throw error
      }
    },
    onGivenUp,
    onOver: leave,
  })
  const fail = (code: string, message: string) => {
    joined.fail(code, message)
    pipes?.cancel()
  }
  return { fail, carried }
}

/** Throws ProtocolError. */
function answerOf(type: Answer["type"], untrustedBytes: Uint8Array): { exit: string; answer: Answer } {
  const code = type === "fail" ? decode(Fail, untrustedBytes).code : ""
  const status = type === "return" ? statusOf(untrustedBytes) : STATUS_OF_FAILURE.get(code)
  if (status === undefined) {
    const payload = encodeFailure("unavailable", "The target could not serve the call")
    return { exit: `failed: ${code}`, answer: { type: "fail", payload } }
  }
  return {
    exit: String(status),
    answer: { type: "return", payload: encode(call.result, { exitCode: status }) },
  }
}

function statusOf(untrustedResult: Uint8Array): number {
  const { exit } = decode(service.result, untrustedResult)
  return exit.kind === "code" ? exit.code : SIGNAL_STATUS + exit.signal
}
