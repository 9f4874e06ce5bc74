import { callWith } from "../call-with.ts"
import type { ProgramIo } from "../program.ts"
import type { Ask } from "../question.ts"
import { CONFIRM_SERVICE, CONFIRM_STATUS, encodeConfirmRequest } from "./confirm-request.ts"

/** How a keeper asks the person at the host: by a call of the host's own service, whose status is the answer. */
export function askHost(io: ProgramIo): Ask {
  return async ({ operation, title, details, rememberable }) => {
    const callId = io.environment.SKERRY_CALL_ID ?? ""
    const request = encodeConfirmRequest({ callId, operation, title, details, rememberable })
    const status = await callWith(io, { target: "@adminvm", service: CONFIRM_SERVICE }, request)
    return status === CONFIRM_STATUS.allowed
  }
}
