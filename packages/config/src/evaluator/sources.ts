import { createHash } from "node:crypto"
import { closeSync, fstatSync, openSync, readFileSync, realpathSync } from "node:fs"
import { ConfigError } from "../config-error.ts"
import { CONFIG_LIMITS } from "../limits.ts"
import type { SourceFile } from "./outcome.ts"

const OTHERS_MAY_WRITE = 0o002

export interface ReadSource extends SourceFile {
  readonly text: string
}

/**
 * Reads one source. It decides what runs on this machine, so nobody but `uid` and root may own it, and not
 * everybody may write it. Throws ConfigError "not-found", "unreadable", "too-large".
 */
export function readSource(path: string, uid: number): ReadSource {
  try {
    const descriptor = openSync(path, "r")
    try {
      const { size, uid: owner, mode } = fstatSync(descriptor)
      if (owner !== uid && owner !== 0) {
        const what = `belongs to the account ${owner}; it must be yours or root's (chown it, or use another)`
        throw new ConfigError("unreadable", { file: path }, what)
      }
      if ((mode & OTHERS_MAY_WRITE) !== 0) {
        const what = "may be written by every account of this machine; run: chmod o-w on it"
        throw new ConfigError("unreadable", { file: path }, what)
      }
      if (size > CONFIG_LIMITS.sourceBytes) {
        const what = `has ${size} bytes, and a source may have ${CONFIG_LIMITS.sourceBytes}`
        throw new ConfigError("too-large", { file: path }, what)
      }
      const bytes = readFileSync(descriptor)
      const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`
      return { path, digest, text: decode(bytes, path) }
    } finally {
      closeSync(descriptor)
    }
  } catch (error) {
    throw readingError(error, path)
  }
}

function decode(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new ConfigError("syntax", { file: path }, "is not UTF-8 text", { cause })
  }
}

/** One name for one file, also where links lead to it. Throws as `readSource`. */
export function realSource(path: string): string {
  try {
    return realpathSync(path)
  } catch (error) {
    throw readingError(error, path)
  }
}

function readingError(error: unknown, path: string): unknown {
  const code = (error as NodeJS.ErrnoException).code
  if (error instanceof ConfigError || typeof code !== "string") return error
  if (code === "ENOENT" || code === "ENOTDIR") {
    return new ConfigError("not-found", { file: path }, "does not exist", { cause: error })
  }
  return new ConfigError("unreadable", { file: path }, `cannot be read (${code})`, { cause: error })
}
