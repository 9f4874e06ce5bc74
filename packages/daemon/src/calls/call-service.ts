import { type CallState, call, encodeFailure, Fail, type Relay, relay, STREAM, service } from "@skerry/rpc"
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
const STATUS_OF_FAILURE: Readonly<Record<string, number>> = {
  "not-found": NO_SUCH_SERVICE,
  "not-executable": NOT_EXECUTABLE,
}

/**
 * Runs a service in a domain that can be reached, joined to the caller's streams. Throws RangeError, RpcError, or
 * DaemonError where the domain cannot be called.
 */
export function callService(driver: DomainDriver, from: CallState, run: ServiceRun): JoinedService {
  const to = driver.agentForCommand().openService(run.params)
  const joined = relay(from, to, {
    bytesLast: true,
    onEvent(untrustedBytes) {
      decode(service.down, untrustedBytes)
      return STARTED
    },
    onEnd(type, untrustedBytes) {
      const exitCode = type === "return" ? statusOf(untrustedBytes) : undefined
      const code = exitCode === undefined ? decode(Fail, untrustedBytes).code : ""
      const status = exitCode ?? STATUS_OF_FAILURE[code]
      if (status === undefined) {
        run.onEnd(`failed: ${code}`)
        return { type: "fail", payload: encodeFailure("unavailable", "The target could not serve the call") }
      }
      run.onEnd(String(status))
      return { type: "return", payload: encode(call.result, { exitCode: status }) }
    },
    onGivenUp: run.onGivenUp,
    onOver() {},
  })
  const bytesDown = () => to.received(STREAM.stdout).totalBytes + to.received(STREAM.stderr).totalBytes
  return { relay: joined, bytesDown }
}

function statusOf(untrustedResult: Uint8Array): number {
  const { exit } = decode(service.result, untrustedResult)
  return exit.kind === "code" ? exit.code : SIGNAL_STATUS + exit.signal
}
