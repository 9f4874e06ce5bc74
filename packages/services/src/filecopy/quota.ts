import { readFileSync } from "node:fs"
import { FilecopyError } from "./qfile.ts"

/** What one call may bring. */
export interface Quota {
  /** Files, directories and symlinks; a directory counts twice, as it comes twice. */
  readonly entries: number
  /** Of all files' content together. */
  readonly bytes: number
}

export const DEFAULT_QUOTA: Quota = { entries: 1_000_000, bytes: 100_000_000_000 }

const CONFIG_BYTES = 4096

/** `entries=N` and `bytes=N`, one on a line, "#" begins a comment; what is not there has its default. */
export function parseQuota(text: string): Quota {
  let quota = DEFAULT_QUOTA
  for (const line of text.split("\n")) {
    const words = line.replace(/#.*/, "").trim()
    if (words === "") continue
    const [, name, value] = /^(entries|bytes)\s*=\s*(\d{1,15})$/.exec(words) ?? []
    if (name === undefined) {
      throw new FilecopyError(
        "write-failed",
        `Cannot read the quota's line ${JSON.stringify(words.slice(0, 64))}`,
      )
    }
    quota = { ...quota, [name]: Number(value) }
  }
  return quota
}

/** A file that cannot be read as a quota is an error: no copy is better than one without bounds. */
export function readQuota(path: string): Quota {
  let text: string
  try {
    text = readFileSync(path, "utf8")
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return DEFAULT_QUOTA
    throw error
  }
  return parseQuota(text.slice(0, CONFIG_BYTES))
}

/** Counts what came. */
export class QuotaMeter {
  readonly #quota: Quota
  #entries = 0
  #bytes = 0

  constructor(quota: Quota) {
    this.#quota = quota
  }

  get entries(): number {
    return this.#entries
  }

  /** An entry was announced, with so much content. Throws FilecopyError before any of it is read. */
  charge(contentBytes: number): void {
    this.#entries += 1
    this.#bytes += contentBytes
    if (this.#entries > this.#quota.entries) {
      throw new FilecopyError(
        "quota",
        `More than ${this.#quota.entries} entries came, which is this copy's quota`,
      )
    }
    if (this.#bytes > this.#quota.bytes) {
      throw new FilecopyError(
        "quota",
        `More than ${this.#quota.bytes} bytes came, which is this copy's quota`,
      )
    }
  }
}
