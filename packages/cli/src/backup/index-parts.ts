import type { Chain } from "./chain.ts"
import { DigestSet } from "./digest-set.ts"
import { BackupError } from "./errors.ts"
import { BACKUP_LIMITS } from "./limits.ts"
import type { Part } from "./manifest.ts"
import { readPart, type Vault, writePart } from "./vault.ts"

/*
 * An index, unpacked: the digests of the objects in the packs that its manifest names, 32 bytes each, in their order;
 * where they do not fit into one part, several follow each other.
 */

const DIGEST_BYTES = 32

export async function writeIndex(
  vault: Pick<Vault, "place" | "key">,
  digests: readonly Uint8Array[],
): Promise<readonly Part[]> {
  const most = BACKUP_LIMITS.plainBytes / DIGEST_BYTES
  const parts: Part[] = []
  for (let at = 0; at < digests.length; at += most) {
    const some = digests.slice(at, at + most)
    parts.push(await writePart(vault, "index", Buffer.concat(some), some.length))
  }
  return parts
}

/** Views into `plain`. */
export function* splitDigests(plain: Buffer): Generator<Buffer> {
  for (let at = 0; at + DIGEST_BYTES <= plain.length; at += DIGEST_BYTES)
    yield plain.subarray(at, at + DIGEST_BYTES)
}

/** Every object that the backup has. Throws BackupError "damaged". */
export async function readIndex(vault: Vault): Promise<DigestSet> {
  const present = new DigestSet()
  for (const { digests } of await placedPacks(vault)) for (const digest of digests) present.add(digest)
  return present
}

/** A pack, and what the index says that it holds. */
export interface PlacedPack {
  readonly part: Part
  readonly digests: readonly Buffer[]
}

/** Throws BackupError "damaged". */
export async function placedPacks(vault: Vault): Promise<readonly PlacedPack[]> {
  const digests: Buffer[] = []
  for (const part of vault.chain.parts) {
    if (part.kind !== "index") continue
    for (const digest of splitDigests(await readPart(vault, part))) digests.push(digest)
  }
  let at = 0
  const placed = packsOf(vault.chain).map((part) => {
    const own = digests.slice(at, at + part.objects)
    at += part.objects
    return { part, digests: own }
  })
  if (digests.length === at) return placed
  throw new BackupError("damaged", `The index names ${digests.length} objects, and the packs hold ${at}`)
}

export const packsOf = (chain: Pick<Chain, "parts">): readonly Part[] =>
  chain.parts.filter(({ kind }) => kind === "chunks" || kind === "nodes")
