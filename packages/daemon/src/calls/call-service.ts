import { type Answer, type CallState, call, encodeFailure, Fail, relay, STREAM, service } from "@skerry/rpc"
import { type Decoded, decode, encode } from "@skerry/wire"
import type { DomainDriver } from "../domain-driver.ts"
import type { CallPipes } from "./call-pipes.ts"
import { NO_SUCH_SERVICE } from "./host-services.ts"

export interface ServiceRun {
  readonly params: Decoded<typeof service.params>
  /** In place of the streams stdin and stdout, if what serves takes them. */
  readonly pipes: CallPipes | undefined
  /** The target's agent has answered, and all that was said has been carried; `exit` is for the audit log. */
  readonly onEnd: (exit: string, carried: Carried) => void
  readonly onGivenUp: () => void
}

/** Bytes between caller and service. */
export interface Carried {
  readonly up: number
  readonly down: number
}

export interface JoinedService {
  /** Ends the call for both sides. */
  fail(code: string, message: string): void
  /** By the streams, so far. */
  carried(): Carried
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
  const to = driver.agentForCommand().openService(run.params)
  let isTold = !run.params.progress
  const carried = (): Carried => ({
    up: from.received(STREAM.stdin).totalBytes,
    down: to.received(STREAM.stdout).totalBytes + to.received(STREAM.stderr).totalBytes,
  })
  const tellEnd = (exit: string) => {
    if (pipes?.isHanded !== true) {
      pipes?.cancel()
      onEnd(exit, carried())
      return
    }
    void pipes.carried().then(({ up, down }) => {
      const byStreams = carried()
      onEnd(exit, { up: byStreams.up + up, down: byStreams.down + down })
    })
  }
  const joined = relay(from, to, {
    bytesLast: true,
    onEvent(untrustedBytes) {
      const { kind } = decode(service.down, untrustedBytes)
      if (isTold) return undefined
      isTold = true
      if (pipes === undefined) return STARTED
      if (kind === "startedOnStreams") pipes.cancel()
      else if (pipes.hand()) return encode(call.down, { kind: "handed", label: pipes.label })
      return STARTED
    },
    onEnd(type, untrustedBytes) {
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
    onOver() {},
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
