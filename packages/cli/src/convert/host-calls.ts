import { ADMIN, type Connection } from "@skerry/rpc"
import type { ProgramIo } from "@skerry/services"

/** Calls of the host over this connection to the daemon, in the shape that programs take them. */
export function hostCalls(connection: Connection): ProgramIo["openCall"] {
  return ({ target, service, argument = "", signal }) => {
    const given = new AbortController()
    const call = connection.call(
      ADMIN.call,
      { service, argument, target, deadlineMs: 0, parent: "" },
      { signal: signal === undefined ? given.signal : AbortSignal.any([signal, given.signal]) },
    )
    const exitCode = call.result.then((result) => result.exitCode)
    // Whoever gives a call up does not wait for it.
    exitCode.catch(() => {})
    return Promise.resolve({
      stdin: call.stdin,
      stdout: call.stdout,
      stderr: call.stderr,
      exitCode,
      cancel: () => given.abort(),
    })
  }
}
