import { callWith } from "../call-with.ts"
import type { ProgramIo } from "../program.ts"
import type { Ask } from "../question.ts"
import { encodeConfirmation } from "./confirmation.ts"

/** How a keeper asks the person at the host: by a call of the host's own service, whose status is the answer. */
export function askHost(io: ProgramIo): Ask {
  return async (question) => {
    const request = Buffer.from(encodeConfirmation(question))
    return (await callWith(io, { target: "@adminvm", service: "skerry.Confirm" }, request)) === 0
  }
}
