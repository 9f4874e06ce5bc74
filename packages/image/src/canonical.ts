import { createHash } from "node:crypto"
import type { Digest } from "@skerry/model"

/** JSON with the keys of every object sorted, so that equal values give equal bytes. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    part !== null && typeof part === "object" && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : part,
  )
}

export function digestOf(value: unknown): Digest {
  return digestOfBytes(canonicalJson(value))
}

export function digestOfBytes(bytes: string | Uint8Array): Digest {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}` as Digest
}
