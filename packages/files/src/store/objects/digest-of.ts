import { createHash, hash } from "node:crypto"
import type { Digest } from "@skerry/model"
import type { ObjectKind } from "../object-store.ts"

/** The byte before the content in what is hashed: a node and a chunk of equal bytes are two objects. */
export const KIND_BYTE: Readonly<Record<ObjectKind, number>> = { chunk: 0x63, node: 0x6e }
const PREFIX: Readonly<Record<ObjectKind, Uint8Array>> = { chunk: Buffer.from("c"), node: Buffer.from("n") }

/** Below this, copying behind the prefix is cheaper than a hash of several steps. */
const COPIED_BYTES = 64 * 1024
const scratch = Buffer.allocUnsafeSlow(COPIED_BYTES + 1)

/** SHA-256 over "c" or "n" and the content. */
export function digestOf(kind: ObjectKind, content: Uint8Array): Digest {
  return `sha256:${digestBytes(kind, content).toString("hex")}` as Digest
}

export function digestBytes(kind: ObjectKind, content: Uint8Array): Buffer {
  if (content.length > COPIED_BYTES) return createHash("sha256").update(PREFIX[kind]).update(content).digest()
  scratch[0] = KIND_BYTE[kind]
  scratch.set(content, 1)
  return hash("sha256", scratch.subarray(0, content.length + 1), "buffer")
}

export function bytesOfDigest(digest: Digest): Buffer {
  return Buffer.from(digest.slice("sha256:".length), "hex")
}
