import { createHash } from "node:crypto"
import type { Readable } from "node:stream"
import { SSH_LIMITS } from "./limits.ts"
import { SshError, SshReader } from "./ssh-reader.ts"

/*
 * The agent's protocol (draft-ietf-sshm-ssh-agent): each message is its length (u32, big-endian), a byte that says what
 * it is, and its fields.
 */
export const MESSAGE = {
  failure: 5,
  success: 6,
  requestIdentities: 11,
  identities: 12,
  signRequest: 13,
  signature: 14,
  extension: 27,
} as const

/** What reaches the vault's agent; everything else (adding and removing keys, locking, smart cards) does not. */
export type AgentRequest =
  | { readonly kind: "list" }
  | { readonly kind: "sign"; readonly key: Buffer; readonly data: Buffer; readonly flags: number }
  | {
      readonly kind: "bind"
      readonly hostKey: Buffer
      readonly sessionId: Buffer
      readonly isForwarding: boolean
    }
  | { readonly kind: "other"; readonly type: number }

/** RSA with SHA-256 or SHA-512; no other flag has a meaning. */
const SIGN_FLAGS: readonly number[] = [0, 2, 4]

/** Parses one message without its length. Throws SshError "bad-message". */
export function parseRequest(untrustedMessage: Uint8Array): AgentRequest {
  const reader = new SshReader(untrustedMessage)
  const type = reader.u8()
  if (type === MESSAGE.requestIdentities) {
    reader.end()
    return { kind: "list" }
  }
  if (type === MESSAGE.signRequest) {
    const request = {
      kind: "sign",
      key: reader.string(),
      data: reader.string(),
      flags: reader.u32(),
    } as const
    reader.end()
    return SIGN_FLAGS.includes(request.flags) ? request : { kind: "other", type }
  }
  if (type === MESSAGE.extension && reader.text(SSH_LIMITS.shownBytes) === "session-bind@openssh.com") {
    const hostKey = reader.string()
    const sessionId = reader.string()
    // The host's signature over the session id: OpenSSH's agent checks it.
    reader.string()
    const isForwarding = reader.bool()
    reader.end()
    return { kind: "bind", hostKey, sessionId, isForwarding }
  }
  return { kind: "other", type }
}

export interface Identity {
  readonly key: Buffer
  readonly comment: string
}

/** Keys of an answer to "list"; throws SshError "bad-message". */
export function parseIdentities(message: Uint8Array): Identity[] {
  const reader = new SshReader(message)
  if (reader.u8() !== MESSAGE.identities) throw new SshError("bad-message", "The agent lists no keys")
  const count = reader.u32()
  if (count > SSH_LIMITS.keys) throw new SshError("bad-message", `${count} keys are over ${SSH_LIMITS.keys}`)
  const keys: Identity[] = []
  for (let at = 0; at < count; at++)
    keys.push({ key: reader.string(), comment: reader.text(SSH_LIMITS.shownBytes) })
  reader.end()
  return keys
}

/** As `ssh-keygen -l` shows it. */
export const fingerprint = (key: Uint8Array) =>
  `SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/, "")}`

/** Messages of a stream, without their lengths; throws SshError "bad-message". */
export async function* readMessages(untrustedInput: Readable): AsyncGenerator<Buffer> {
  const pieces: Buffer[] = []
  let byteCount = 0
  // What must be there before it is worth looking: pieces are joined once for a message, however small they come.
  let needed = LENGTH_BYTES
  for await (const chunk of untrustedInput) {
    pieces.push(chunk as Buffer)
    byteCount += (chunk as Buffer).length
    while (byteCount >= needed) {
      const joined = Buffer.concat(pieces.splice(0))
      const length = joined.readUInt32BE(0)
      if (length === 0 || length > SSH_LIMITS.messageBytes) {
        throw new SshError(
          "bad-message",
          `A message has 1 to ${SSH_LIMITS.messageBytes} bytes, not ${length}`,
        )
      }
      const end = LENGTH_BYTES + length
      if (joined.length >= end) yield joined.subarray(LENGTH_BYTES, end)
      const rest = joined.length >= end ? joined.subarray(end) : joined
      pieces.push(rest)
      byteCount = rest.length
      needed = rest === joined ? end : LENGTH_BYTES
    }
  }
  if (byteCount > 0) throw new SshError("bad-message", "The stream ends within a message")
}

const LENGTH_BYTES = 4
