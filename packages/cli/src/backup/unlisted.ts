import { createHash } from "node:crypto"
import type { DigestSet } from "./digest-set.ts"
import { BackupError } from "./errors.ts"
import { BACKUP_LIMITS } from "./limits.ts"
import type { Part } from "./manifest.ts"
import { readPack } from "./pack.ts"
import { isAuthentic, unseal } from "./seal.ts"
import { partPath, type Vault } from "./vault.ts"

/** Nothing else is ours to remove. */
const PART_NAME = /^[0-9a-f]{64}$/

export interface Unlisted {
  readonly parts: readonly Part[]
  /** Of each part's objects. */
  readonly digests: readonly (readonly Buffer[])[]
}

/**
 * Packs that a backup wrote before it was cut: whole and ours, they need not be written again. Their objects are added to
 * `present`. What else lies there goes, and what brings nothing new: a prune that was cut left it.
 */
export async function adoptUnlisted(vault: Vault, present: DigestSet): Promise<Unlisted> {
  const { place, chain } = vault
  const listed = new Set(chain.parts.map(({ name }) => name))
  const parts: Part[] = []
  const digests: (readonly Buffer[])[] = []
  for (const name of [...(await place.list("parts")).keys()].sort()) {
    if (listed.has(name) || !PART_NAME.test(name)) continue
    const adopted = await adopt(vault, name)
    if (adopted === undefined || adopted.digests.every((digest) => present.has(digest))) {
      await place.remove(partPath(name))
      continue
    }
    for (const digest of adopted.digests) present.add(digest)
    parts.push(adopted.part)
    digests.push(adopted.digests)
  }
  return { parts, digests }
}

async function adopt({ place, key }: Vault, name: string) {
  const path = partPath(name)
  try {
    const sealed = await place.read(path, BACKUP_LIMITS.sealedBytes)
    if (sealed === undefined || createHash("sha256").update(sealed).digest("hex") !== name) return undefined
    const kind = (["chunks", "nodes"] as const).find((purpose) => isAuthentic(key, purpose, sealed))
    if (kind === undefined) return undefined
    const plain = await unseal(key, kind, sealed, path)
    const digests: Buffer[] = []
    for (const { digest } of readPack(plain, path)) digests.push(digest)
    return { part: { kind, name, bytes: sealed.length, objects: digests.length }, digests }
  } catch (error) {
    if (error instanceof BackupError && error.code !== "io") return undefined
    throw error
  }
}
