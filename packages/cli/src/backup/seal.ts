import { createCipheriv, createDecipheriv, createHmac, randomBytes, timingSafeEqual } from "node:crypto"
import { promisify } from "node:util"
import { constants, zstdCompress, zstdDecompress } from "node:zlib"
import { BackupError } from "./errors.ts"
import { BACKUP_LIMITS } from "./limits.ts"

/*
 * A part as it lies in a backup (docs/backup.md):
 *   "SKRYBKP1" │ nonce, 32 bytes │ AES-256-CTR of zstd of the plain bytes │ HMAC-SHA256 of all before, 32 bytes
 * Both keys belong to this nonce and to what the part is for, so that no part can stand in the place of another kind.
 */

export const PART_MAGIC = Buffer.from("SKRYBKP1", "latin1")
const NONCE_BYTES = 32
const MAC_BYTES = 32
const LEAST_BYTES = PART_MAGIC.length + NONCE_BYTES + MAC_BYTES
const IV = Buffer.alloc(16)

export const PURPOSES = ["chunks", "nodes", "index", "files", "manifest"] as const
export type Purpose = (typeof PURPOSES)[number]

const compress = promisify(zstdCompress)
const decompress = promisify(zstdDecompress)

function keysOf(key: Uint8Array, purpose: Purpose, nonce: Uint8Array) {
  const derive = (use: string) =>
    createHmac("sha256", key)
      .update(`skerry-backup-1 ${use} ${purpose} ${Buffer.from(nonce).toString("hex")}`)
      .digest()
  return { encrypt: derive("encrypt"), authenticate: derive("authenticate") }
}

type Pack = (plain: Uint8Array) => Uint8Array | Promise<Uint8Array>

const packed: Pack = (plain) => compress(plain, { params: { [constants.ZSTD_c_compressionLevel]: 1 } })

/** `pack` is for tests: what a liar would write. */
export async function seal(
  key: Uint8Array,
  purpose: Purpose,
  plain: Uint8Array,
  pack: Pack = packed,
): Promise<Buffer> {
  if (plain.length > BACKUP_LIMITS.plainBytes) throw new RangeError(`A part of ${plain.length} bytes`)
  const nonce = randomBytes(NONCE_BYTES)
  const { encrypt, authenticate } = keysOf(key, purpose, nonce)
  const cipher = createCipheriv("aes-256-ctr", encrypt, IV)
  const head = Buffer.concat([PART_MAGIC, nonce])
  const body = cipher.update(await pack(plain))
  const mac = createHmac("sha256", authenticate).update(head).update(body).digest()
  return Buffer.concat([head, body, mac])
}

/** Whether this was sealed with the key for this purpose. */
export function isAuthentic(key: Uint8Array, purpose: Purpose, untrustedPart: Uint8Array): boolean {
  if (untrustedPart.length < LEAST_BYTES) return false
  if (!PART_MAGIC.equals(untrustedPart.subarray(0, PART_MAGIC.length))) return false
  const nonce = untrustedPart.subarray(PART_MAGIC.length, PART_MAGIC.length + NONCE_BYTES)
  const { authenticate } = keysOf(key, purpose, nonce)
  const expected = createHmac("sha256", authenticate).update(untrustedPart.subarray(0, -MAC_BYTES)).digest()
  return timingSafeEqual(expected, untrustedPart.subarray(-MAC_BYTES))
}

/** Throws BackupError "damaged" where it is not what was sealed, "unsafe" where it unpacks to more than a part may. */
export async function unseal(
  key: Uint8Array,
  purpose: Purpose,
  untrustedPart: Uint8Array,
  what: string,
): Promise<Buffer> {
  if (!isAuthentic(key, purpose, untrustedPart)) {
    throw new BackupError("damaged", `${what} is not what was written: cut short, altered or replaced`)
  }
  const nonce = untrustedPart.subarray(PART_MAGIC.length, PART_MAGIC.length + NONCE_BYTES)
  const { encrypt } = keysOf(key, purpose, nonce)
  const decipher = createDecipheriv("aes-256-ctr", encrypt, IV)
  const packed = decipher.update(untrustedPart.subarray(PART_MAGIC.length + NONCE_BYTES, -MAC_BYTES))
  try {
    return await decompress(packed, { maxOutputLength: BACKUP_LIMITS.plainBytes })
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") {
      throw new BackupError(
        "unsafe",
        `${what} unpacks to more than ${BACKUP_LIMITS.plainBytes} bytes, which no part has`,
        { cause },
      )
    }
    throw new BackupError("damaged", `${what} cannot be unpacked`, { cause })
  }
}

/** What names a sealed part in the chain of manifests: its last 32 bytes. */
export const macOf = (sealed: Uint8Array): string => Buffer.from(sealed.subarray(-MAC_BYTES)).toString("hex")
