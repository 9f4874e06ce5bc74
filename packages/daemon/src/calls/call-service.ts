import {
  type Answer,
  type CallState,
  call,
  encodeFailure,
  Fail,
  type Relay,
  relay,
  STREAM,
  service,
} from "@skerry/rpc"
import { type Decoded, decode, encode } from "@skerry/wire"
import type { DomainDriver } from "../domain-driver.ts"
import { NO_SUCH_SERVICE } from "./host-services.ts"

export interface ServiceRun {
  readonly params: Decoded<typeof service.params>
  /** The target's agent has answered; `exit` is for the audit log. */
  readonly onEnd: (exit: string) => void
  readonly onGivenUp: () => void
}

export interface JoinedService {
  readonly relay: Relay
  /** What the service has written so far. */
  readonly bytesDown: () => number
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
  const to = driver.agentForCommand().openService(run.params)
  let isTold = !run.params.progress
  const joined = relay(from, to, {
    bytesLast: true,
    onEvent(untrustedBytes) {
      decode(service.down, untrustedBytes)
      if (isTold) return undefined
      isTold = true
      return STARTED
    },
    onEnd(type, untrustedBytes) {
      try {
        const { exit, answer } = answerOf(type, untrustedBytes)
        run.onEnd(exit)
        return answer
      } catch (error) {
        // The call is over for its caller, too, whatever becomes of the target's connection.
        run.onEnd("failed: the target broke the protocol")
        throw error
      }
    },
    onGivenUp: run.onGivenUp,
    onOver() {},
  })
  const bytesDown = () => to.received(STREAM.stdout).totalBytes + to.received(STREAM.stderr).totalBytes
  return { relay: joined, bytesDown }
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
