import { createHash } from "node:crypto"
import { printable, quoted } from "@skerry/model"
import type { KeeperQuestion } from "../question.ts"
import { fingerprint, type Identity } from "./messages.ts"
import type { SignedData } from "./signed-data.ts"

/** A host that proved, to the vault's agent, that a session is its own. */
export interface Binding {
  readonly hostKey: Buffer
  readonly sessionId: Buffer
  readonly isForwarding: boolean
}

/**
 * Pure: what to ask before this is signed; undefined where it contradicts what the connection was bound to, and must
 * not be signed at all.
 */
export function sshQuestion(
  data: SignedData,
  { key, comment }: Identity,
  bindings: readonly Binding[],
): KeeperQuestion | undefined {
  const keyDetail = { label: "Key", text: `${comment || "(no comment)"}\n${fingerprint(key)}` }
  if (data.kind === "file") {
    return {
      operation: "ssh-sign",
      title: `Sign a file for ${quoted(data.namespace)} with the SSH key ${comment}`,
      details: [
        keyDetail,
        { label: "Namespace", text: printable(data.namespace) },
        { label: data.hashAlgorithm === "sha256" ? "SHA-256" : "SHA-512", text: data.digest.toString("hex") },
      ],
      rememberable: false,
    }
  }
  const host = hostOf(data, bindings)
  if (host === "contradicted") return undefined
  const forwarders = bindings
    .filter(({ isForwarding }) => isForwarding)
    .map(({ hostKey }) => fingerprint(hostKey))
  const hostText = host === undefined ? "The caller did not tell which" : `Its key is ${fingerprint(host)}`
  return {
    operation: `ssh-login ${digestOf([key, Buffer.from(data.user), host ?? Buffer.alloc(0)])}`,
    title: `Log in as ${quoted(data.user)} with the SSH key ${comment}`,
    details: [
      keyDetail,
      { label: "User name", text: printable(data.user) },
      { label: "Host", text: hostText },
      ...(forwarders.length > 0 ? [{ label: "Forwarded by hosts", text: forwarders.join("\n") }] : []),
    ],
    // The answer would be good for hosts that nobody named, or for programs on other hosts.
    rememberable: host !== undefined && forwarders.length === 0,
  }
}

/** The host that this login is for, as it proved itself; undefined where none did. */
function hostOf(
  data: SignedData & { kind: "login" },
  bindings: readonly Binding[],
): Buffer | "contradicted" | undefined {
  const last = bindings.at(-1)
  // Once a connection is bound, it serves its last session alone (OpenSSH's PROTOCOL.agent, section 1).
  if (last !== undefined && (last.isForwarding || !last.sessionId.equals(data.sessionId)))
    return "contradicted"
  if (last !== undefined && data.hostKey !== undefined && !data.hostKey.equals(last.hostKey))
    return "contradicted"
  return last?.hostKey
}

/** Of these, in this order: an answer is remembered for one key, one user name and one host together. */
function digestOf(parts: readonly Buffer[]): string {
  const hash = createHash("sha256")
  for (const part of parts) hash.update(`${part.length}:`).update(part)
  return hash.digest("base64").replace(/=+$/, "")
}
