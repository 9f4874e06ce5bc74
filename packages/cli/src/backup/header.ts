import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  randomBytes,
  scrypt as scryptCallback,
  timingSafeEqual,
} from "node:crypto"
import { promisify } from "node:util"
import { BackupError } from "./errors.ts"
import { BACKUP_LIMITS } from "./limits.ts"

/*
 * The file `skerry-backup`: which backup this is, and its key, wrapped with a passphrase. Text, so that openssl and a
 * shell can do the same (docs/backup.md).
 */

export interface BackupKey {
  /** 32 hexadecimal digits, chosen when the backup was begun. */
  readonly id: string
  readonly key: Buffer
}

const scrypt = promisify<
  string,
  Uint8Array,
  number,
  { N: number; r: number; p: number; maxmem: number },
  Buffer
>(scryptCallback)
const IV = Buffer.alloc(16)

interface Cost {
  readonly n: number
  readonly r: number
  readonly p: number
}
const COST: Cost = { n: 2 ** 17, r: 8, p: 1 }

async function wrappingKeys(passphrase: string, salt: Uint8Array, { n, r, p }: Cost) {
  const bytes = await scrypt(passphrase, salt, 64, { N: n, r, p, maxmem: 128 * n * r * p + 1024 * 1024 })
  return { encrypt: bytes.subarray(0, 32), authenticate: bytes.subarray(32) }
}

const authenticated = (lines: readonly string[]) => `${lines.join("\n")}\n`

/** A new backup's header and key. `cost` is for tests: less than is good for anyone. */
export async function makeHeader(
  passphrase: string,
  cost: Cost = COST,
): Promise<BackupKey & { readonly header: Buffer }> {
  const id = randomBytes(16).toString("hex")
  const salt = randomBytes(32)
  const key = randomBytes(32)
  const { encrypt, authenticate } = await wrappingKeys(passphrase, salt, cost)
  const wrapped = createCipheriv("aes-256-ctr", encrypt, IV).update(key)
  const lines = [
    "skerry-backup 1",
    `id ${id}`,
    `scrypt ${cost.n} ${cost.r} ${cost.p}`,
    `salt ${salt.toString("hex")}`,
    `key ${wrapped.toString("hex")}`,
  ]
  const mac = createHmac("sha256", authenticate).update(authenticated(lines)).digest("hex")
  return { id, key, header: Buffer.from(authenticated([...lines, `mac ${mac}`])) }
}

const HEADER =
  /^skerry-backup 1\nid ([0-9a-f]{32})\nscrypt (\d{1,9}) (\d{1,3}) (\d{1,3})\nsalt ([0-9a-f]{64})\nkey ([0-9a-f]{64})\nmac ([0-9a-f]{64})\n$/

/** Throws BackupError: "not-a-backup", "too-new", "unsafe" or "wrong-passphrase". */
export async function openHeader(untrustedHeader: Uint8Array, passphrase: string): Promise<BackupKey> {
  const text = Buffer.from(untrustedHeader).toString("latin1")
  const version = /^skerry-backup (\d+)\n/.exec(text)?.[1]
  if (version !== undefined && version !== "1") {
    throw new BackupError("too-new", `The backup's format is ${version}; this Skerry reads format 1`)
  }
  const [, id = "", n, r, p, salt = "", wrapped = "", mac = ""] = HEADER.exec(text) ?? []
  if (id === "")
    throw new BackupError("not-a-backup", 'The file "skerry-backup" is damaged, or not of a backup')
  const cost = { n: Number(n), r: Number(r), p: Number(p) }
  const { scryptLeastN, scryptMostN } = BACKUP_LIMITS
  const isPower = Number.isInteger(Math.log2(cost.n))
  if (!isPower || cost.n < scryptLeastN || cost.n > scryptMostN || cost.r !== 8 || cost.p !== 1) {
    throw new BackupError(
      "unsafe",
      `The backup asks for scrypt with N=${cost.n}, r=${cost.r}, p=${cost.p}, which Skerry never writes`,
    )
  }
  const { encrypt, authenticate } = await wrappingKeys(passphrase, Buffer.from(salt, "hex"), cost)
  const lines = text.split("\n").slice(0, 5)
  const expected = createHmac("sha256", authenticate).update(authenticated(lines)).digest()
  if (!timingSafeEqual(expected, Buffer.from(mac, "hex"))) {
    throw new BackupError(
      "wrong-passphrase",
      'The passphrase is wrong, or the file "skerry-backup" was altered',
    )
  }
  const key = createDecipheriv("aes-256-ctr", encrypt, IV).update(Buffer.from(wrapped, "hex"))
  return { id, key }
}
