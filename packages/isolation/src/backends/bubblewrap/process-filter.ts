import { IsolationError } from "../../backend.ts"
import { encodeFilter, seccompFilter } from "./seccomp.ts"
import { type Architecture, CALLS } from "./seccomp-calls.ts"

/** The filter that processes of level `process` run under, for other programs that are kept apart in the same way. */
export function processFilter(architecture: string): Uint8Array {
  if (!Object.hasOwn(CALLS, architecture)) {
    throw new IsolationError("unusable", `There is no filter of system calls for ${architecture}`)
  }
  return encodeFilter(seccompFilter(CALLS[architecture as Architecture]))
}
