import { createHash } from "node:crypto"
import { type Chain, readChain } from "./chain.ts"
import { BackupError } from "./errors.ts"
import { type BackupKey, makeHeader, openHeader } from "./header.ts"
import { BACKUP_LIMITS } from "./limits.ts"
import type { Part, PartKind } from "./manifest.ts"
import { type BackupPlace, HEADER_PATH } from "./place.ts"
import { seal, unseal } from "./seal.ts"

/** A backup whose passphrase is known: the place, its key, and what its manifests say. The place stays the caller's. */
export interface Vault {
  readonly place: BackupPlace
  readonly id: string
  readonly key: Uint8Array
  readonly chain: Chain
}

/** Whether a backup was begun there. */
export async function hasHeader(place: BackupPlace): Promise<boolean> {
  return (await place.read(HEADER_PATH, BACKUP_LIMITS.headerBytes)) !== undefined
}

export async function openVault(place: BackupPlace, passphrase: string): Promise<Vault> {
  const untrustedHeader = await place.read(HEADER_PATH, BACKUP_LIMITS.headerBytes)
  if (untrustedHeader === undefined) {
    throw new BackupError(
      "not-a-backup",
      `${place.shown} holds no backup: the file "${HEADER_PATH}" is missing`,
    )
  }
  const { id, key } = await openHeader(untrustedHeader, passphrase)
  return { place, id, key, chain: await readChain(place, key) }
}

/** Begins a backup. Throws BackupError "not-a-backup" where there are files that no header belongs to. */
export async function makeVault(
  place: BackupPlace,
  passphrase: string,
  make: (passphrase: string) => Promise<BackupKey & { readonly header: Buffer }> = makeHeader,
): Promise<Vault> {
  if ((await place.list("manifests")).size > 0) {
    throw new BackupError(
      "not-a-backup",
      `${place.shown} has manifests, and the file "${HEADER_PATH}" is missing: bring it back from a copy, or use another folder`,
    )
  }
  const { id, key, header } = await make(passphrase)
  await place.write(HEADER_PATH, header)
  return { place, id, key, chain: await readChain(place, key) }
}

export const partPath = (name: string): string => `parts/${name}`
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex")

export async function writePart(
  { place, key }: Pick<Vault, "place" | "key">,
  kind: PartKind,
  plain: Uint8Array,
  objects: number,
): Promise<Part> {
  const sealed = await seal(key, kind, plain)
  const name = sha256(sealed)
  await place.write(partPath(name), sealed)
  return { kind, name, bytes: sealed.length, objects }
}

/** Throws BackupError "damaged" or "unsafe". */
export async function readPart({ place, key }: Pick<Vault, "place" | "key">, part: Part): Promise<Buffer> {
  const path = partPath(part.name)
  const sealed = await place.read(path, BACKUP_LIMITS.sealedBytes)
  if (sealed === undefined) throw new BackupError("damaged", `${path} is missing`)
  if (sealed.length !== part.bytes) {
    throw new BackupError(
      "damaged",
      `${path} has ${sealed.length} bytes, not ${part.bytes}: it was cut short or replaced`,
    )
  }
  if (sha256(sealed) !== part.name)
    throw new BackupError("damaged", `${path} was altered: its digest is another`)
  return unseal(key, part.kind, sealed, path)
}

/** Before anything is added: parts that are not there would make the new backup useless as well. */
export async function checkPartsThere({ place, chain }: Vault): Promise<void> {
  if (chain.broken !== undefined) {
    throw new BackupError(
      "damaged",
      `${place.shown}: ${chain.broken}. "skerry backup verify" tells what can still be restored; go on in another folder`,
    )
  }
  const there = await place.list("parts")
  for (const { name, bytes } of chain.parts) {
    if (there.get(name) === bytes) continue
    const how = there.has(name) ? "was cut short or replaced" : "is missing"
    throw new BackupError(
      "damaged",
      `${place.shown}: ${partPath(name)} ${how}. "skerry backup verify" tells what that touches; go on in another folder`,
    )
  }
}
