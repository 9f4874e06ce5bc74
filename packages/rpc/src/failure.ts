import { encode } from "@skerry/wire"
import { Fail } from "./frames.ts"
import { RPC_LIMITS } from "./limits.ts"

/** FAIL for what a handler threw: an error with a `code` in kebab case keeps it, any other is "internal". */
export function describeFailure(error: unknown): Uint8Array {
  if (!(error instanceof Error)) return encodeFailure("internal", String(error))
  const code = "code" in error && typeof error.code === "string" ? error.code : ""
  return encodeFailure(/^[a-z][a-z0-9-]*$/.test(code) ? code : "internal", error.message)
}

export function encodeFailure(code: string, message: string): Uint8Array {
  return encode(Fail, {
    code: code.slice(0, RPC_LIMITS.failureCodeBytes),
    message: cutText(message, RPC_LIMITS.failureMessageBytes),
  })
}

/** The longest start of `text` that takes at most `maxBytes` of UTF-8 and cuts no character. */
function cutText(text: string, maxBytes: number): string {
  const buffer = new Uint8Array(maxBytes)
  return text.slice(0, new TextEncoder().encodeInto(text, buffer).read)
}
