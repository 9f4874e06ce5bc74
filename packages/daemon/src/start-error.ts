import { type InstanceName, unreachable } from "@skerry/model"
import { DaemonError } from "./errors.ts"
import type { Ending } from "./lifecycle.ts"

/** What whoever waits for a start is told when the domain has ended before it ran. `failure` is what went wrong first. */
export function startError(instance: InstanceName, failure: unknown, how: Ending): Error {
  if (failure instanceof DaemonError && how.kind === "failed") return failure
  const options = failure === undefined ? {} : { cause: failure }
  const subject = `Cannot start "${instance}"`
  switch (how.kind) {
    case "failed":
      return new DaemonError("start-failed", `${subject}: ${how.message}`, options)
    case "powered-off":
      return new DaemonError("start-failed", `${subject}: the guest powered itself off`, options)
    case "stopped":
      return new DaemonError("cancelled", `${subject}: it was stopped while it started`, options)
    default:
      return unreachable(how)
  }
}
