import { SSH_LIMITS } from "./limits.ts"
import { SshError, SshReader } from "./ssh-reader.ts"

/** What a signature would be good for. */
export type SignedData =
  | {
      /** A login (RFC 4252, section 7). */
      readonly kind: "login"
      readonly sessionId: Buffer
      readonly user: string
      /** Only OpenSSH's host-bound method puts it here. */
      readonly hostKey: Buffer | undefined
    }
  | {
      /** `ssh-keygen -Y sign` (OpenSSH's PROTOCOL.sshsig). */
      readonly kind: "file"
      readonly namespace: string
      readonly hashAlgorithm: string
      readonly digest: Buffer
    }

const USERAUTH_REQUEST = 50
const SSHSIG = "SSHSIG"
const DIGEST_BYTES: Readonly<Record<string, number>> = { sha256: 32, sha512: 64 }

/**
 * Pure: what the bytes are; undefined where they are neither, and then nothing may sign them: a signature whose meaning
 * nobody knows could be good for anything.
 */
export function parseSignedData(untrustedData: Uint8Array, key: Uint8Array): SignedData | undefined {
  try {
    const isFile = Buffer.from(untrustedData.subarray(0, SSHSIG.length)).toString("latin1") === SSHSIG
    return isFile ? parseFile(untrustedData) : parseLogin(untrustedData, key)
  } catch (error) {
    if (error instanceof SshError) return undefined
    throw error
  }
}

function parseLogin(untrustedData: Uint8Array, key: Uint8Array): SignedData | undefined {
  const reader = new SshReader(untrustedData)
  const sessionId = reader.string()
  if (sessionId.length === 0 || reader.u8() !== USERAUTH_REQUEST) return undefined
  const user = reader.text(SSH_LIMITS.shownBytes)
  const service = reader.text(SSH_LIMITS.shownBytes)
  const method = reader.text(SSH_LIMITS.shownBytes)
  const hasSignature = reader.bool()
  // The algorithm's name: the agent picks by its flags and the key.
  reader.text(SSH_LIMITS.shownBytes)
  const signedKey = reader.string()
  const isHostBound = method === "publickey-hostbound-v00@openssh.com"
  const hostKey = isHostBound ? reader.string() : undefined
  reader.end()
  const isLogin = service === "ssh-connection" && (isHostBound || method === "publickey") && hasSignature
  return isLogin && signedKey.equals(key) ? { kind: "login", sessionId, user, hostKey } : undefined
}

function parseFile(untrustedData: Uint8Array): SignedData | undefined {
  const reader = new SshReader(untrustedData)
  reader.bytes(SSHSIG.length)
  const namespace = reader.text(SSH_LIMITS.shownBytes)
  const reserved = reader.string()
  const hashAlgorithm = reader.text(SSH_LIMITS.shownBytes)
  const digest = Buffer.from(reader.string())
  reader.end()
  const isKnown = DIGEST_BYTES[hashAlgorithm] === digest.length
  return namespace !== "" && reserved.length === 0 && isKnown
    ? { kind: "file", namespace, hashAlgorithm, digest }
    : undefined
}
