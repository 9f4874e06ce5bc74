import { argon2Sync, createHash, createSecretKey, hkdfSync } from "node:crypto"
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs"
import { dirname, resolve } from "node:path"
import { StoreError, type StoreKey } from "../object-store.ts"
import { Sealer, unsealWhole } from "./sealing.ts"

/*
 * The file `keys`: one line of JSON, and a line with its SHA-256, so that damage is not taken for a wrong passphrase.
 * The master key is random and never changes; it stands there sealed with a key from the passphrase or key file.
 */
export const STORE_FORMAT = 1
const MASTER_KEY_BYTES = 32

/** Argon2id as RFC 9106 has it where memory is short (the server may have 150 MB): 0.15 s for each guess. */
const PASSPHRASE_COST = { memoryKiB: 64 * 1024, passes: 3, lanes: 1 } as const
/** What a file may ask for: it is read before anything in it is authenticated. */
const COST_LIMITS = { memoryKiB: 4 * 1024 * 1024, passes: 1000, lanes: 64 } as const
/** Of a key file: anything shorter is a passphrase, and must be treated like one. */
export const KEY_FILE_BYTES = { least: 32, most: 64 * 1024 } as const

interface Cost {
  readonly memoryKiB: number
  readonly passes: number
  readonly lanes: number
}
type Derivation = { readonly from: "passphrase"; readonly cost: Cost } | { readonly from: "key-file" }
interface KeyFile {
  readonly format: number
  readonly derivation: Derivation
  readonly salt: string
  readonly wrappedKey: string
}

export interface Impure {
  readonly now: () => number
  readonly randomBytes: (count: number) => Uint8Array
}

export function newMasterKey(impure: Impure): Uint8Array {
  return impure.randomBytes(MASTER_KEY_BYTES)
}

export function wrapMasterKey(masterKey: Uint8Array, key: StoreKey, impure: Impure): string {
  const salt = Buffer.from(impure.randomBytes(16))
  const derivation: Derivation =
    key.kind === "passphrase" ? { from: "passphrase", cost: PASSPHRASE_COST } : { from: "key-file" }
  const wrapping = createSecretKey(deriveKey(key, derivation, salt))
  const wrapped = new Sealer({ openings: 0, ...impure }).sealWhole(wrapping, CONTEXT, masterKey)
  const file: KeyFile = {
    format: STORE_FORMAT,
    derivation,
    salt: salt.toString("base64"),
    wrappedKey: wrapped.toString("base64"),
  }
  const line = JSON.stringify(file)
  return `${line}\n${checksum(line)}\n`
}

const CONTEXT = Buffer.from("skerry store: master key")
const checksum = (line: string) => createHash("sha256").update(line).digest("hex")

/** What a store is opened with. Throws "too-new", "damaged". */
export const kindOfKey = (path: string): StoreKey["kind"] =>
  parseKeyFile(path, readFileSync(path, "utf8")).derivation.from

/** Throws "wrong-key", "too-new", "damaged". */
export function unwrapMasterKey(path: string, key: StoreKey): Uint8Array {
  const file = parseKeyFile(path, readFileSync(path, "utf8"))
  if (file.derivation.from !== key.kind) {
    throw new StoreError(
      "wrong-key",
      `Cannot open the store: its key is a ${spoken(file.derivation.from)}, and a ${spoken(key.kind)} was given`,
    )
  }
  const wrapping = createSecretKey(deriveKey(key, file.derivation, Buffer.from(file.salt, "base64")))
  const masterKey = unsealWhole(wrapping, CONTEXT, Buffer.from(file.wrappedKey, "base64"))
  if (masterKey === undefined) {
    throw new StoreError("wrong-key", `Cannot open the store: the ${spoken(key.kind)} does not fit`)
  }
  return masterKey
}

const spoken = (kind: StoreKey["kind"]) => (kind === "passphrase" ? "passphrase" : "key file")

function parseKeyFile(path: string, text: string): KeyFile {
  const [line = "", sum] = text.split("\n")
  let file: Partial<KeyFile>
  try {
    file = JSON.parse(line) as Partial<KeyFile>
  } catch {
    throw damaged(path)
  }
  if (sum !== checksum(line) || typeof file !== "object") throw damaged(path)
  if (file.format !== STORE_FORMAT) {
    throw new StoreError(
      "too-new",
      `Cannot open the store: it has format ${String(file.format)}, and this version of Skerry knows ${STORE_FORMAT}`,
    )
  }
  if (!isKeyFile(file)) throw damaged(path)
  return file
}

const damaged = (path: string) =>
  new StoreError("damaged", `The file ${path} is damaged; without it the store cannot be opened`)

function isKeyFile(file: Partial<KeyFile>): file is KeyFile {
  const { derivation, salt, wrappedKey } = file
  if (typeof salt !== "string" || typeof wrappedKey !== "string" || typeof derivation !== "object")
    return false
  return derivation.from === "key-file" || (derivation.from === "passphrase" && isCost(derivation.cost))
}

const isCost = (cost: Cost) =>
  (["memoryKiB", "passes", "lanes"] as const).every(
    (name) => Number.isSafeInteger(cost?.[name]) && cost[name] > 0 && cost[name] <= COST_LIMITS[name],
  )

function deriveKey(key: StoreKey, derivation: Derivation, salt: Buffer): Buffer {
  if (key.kind === "passphrase" && derivation.from === "passphrase") {
    const { memoryKiB, passes, lanes } = derivation.cost
    const message = Buffer.from(key.passphrase.normalize("NFC"))
    const cost = { memory: memoryKiB, passes, parallelism: lanes, tagLength: 32 }
    return argon2Sync("argon2id", { message, nonce: salt, ...cost })
  }
  const bytes = key.kind === "key-file" ? key.bytes : new Uint8Array(0)
  if (bytes.length < KEY_FILE_BYTES.least || bytes.length > KEY_FILE_BYTES.most) {
    throw new StoreError(
      "wrong-key",
      `Cannot use a key file of ${bytes.length} bytes: expected ${KEY_FILE_BYTES.least} to ${KEY_FILE_BYTES.most}`,
    )
  }
  return Buffer.from(hkdfSync("sha256", bytes, salt, "skerry store: key file", 32))
}

/** The old content or the new one is there, whatever happens; durable when it returns. */
export function replaceFile(path: string, text: string): void {
  const next = `${path}.next`
  writeDurably(next, text)
  renameSync(next, path)
  syncDirectory(dirname(path))
}

export function writeDurably(path: string, text: string): void {
  rmSync(path, { force: true })
  const fd = openSync(path, "wx", 0o600)
  try {
    writeSync(fd, text)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/** With those that lead to it; durable when it returns. */
export function makeDirectory(path: string): void {
  const first = mkdirSync(path, { recursive: true, mode: 0o700 })
  if (first === undefined) return
  const outermost = dirname(resolve(first))
  let parent = resolve(path)
  do {
    parent = dirname(parent)
    syncDirectory(parent)
  } while (parent !== outermost)
}

export function syncDirectory(path: string): void {
  const fd = openSync(path, "r")
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
