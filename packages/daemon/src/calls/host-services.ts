import type { Readable, Writable } from "node:stream"
import { CallFailure, type CallState, call as callMethod, IncomingCall } from "@skerry/rpc"
import { encode } from "@skerry/wire"
import { messageOf } from "../errors.ts"
import type { CallRecord } from "./call-record.ts"

/** One call of a service of the host. The source is who the daemon knows it to be; all else comes from a guest. */
export interface HostCall {
  readonly record: CallRecord
  readonly untrustedArgument: string
  /** As the caller wrote it: a name or a keyword, which need not exist. */
  readonly untrustedTarget: string
  /** Aborted when the caller gave up: nobody will hear the result. */
  readonly signal: AbortSignal
  readonly stdin: Readable
  readonly stdout: Writable
  readonly stderr: Writable
}

/**
 * A service that the host offers to domains as `@adminvm`: resolves to its exit status. What it throws becomes the
 * failure "unavailable" for the caller, who is told no more than that. To add one: its file, and its line in
 * open-calls.ts.
 */
export type HostService = (call: HostCall) => Promise<number>

/** Exit status of a service that does not exist, as a shell has it. */
export const NO_SUCH_SERVICE = 127

/**
 * Runs a host service to its end, or answers that there is none. `onOver` hears how it ended, for the audit log, once
 * all that it wrote was taken. Calling what is returned gives it up.
 */
export function runHostService(
  service: HostService | undefined,
  record: CallRecord,
  state: CallState,
  onOver: (exit: string) => void,
): (reason: Error) => void {
  if (service === undefined) {
    state.finish("return", encode(callMethod.result, { exitCode: NO_SUCH_SERVICE }))
    onOver(String(NO_SUCH_SERVICE))
    return () => {}
  }
  let exit = ""
  const incoming = new IncomingCall(state, () => onOver(exit))
  const { signal } = incoming
  const hostCall: HostCall = {
    record,
    untrustedArgument: record.params.argument,
    untrustedTarget: record.params.target,
    signal,
    get stdin() {
      return incoming.stdin
    },
    get stdout() {
      return incoming.stdout
    },
    get stderr() {
      return incoming.stderr
    },
  }
  incoming.run(async () => {
    try {
      const exitCode = await service(hostCall)
      exit = String(exitCode)
      return encode(callMethod.result, { exitCode })
    } catch (cause) {
      exit = signal.aborted ? "the caller gave up" : messageOf(cause)
      throw new CallFailure("unavailable", `The host could not serve ${record.params.service}`, { cause })
    }
  })
  return (reason) => incoming.cancel(reason)
}
