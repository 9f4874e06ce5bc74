import { checked, listOf, nothing, oneOf, struct, text, u32 } from "@skerry/wire"
import { method } from "./method.ts"

/* Directories that are granted while the daemon runs: entries 60 to 62 of ADMIN. docs/directories.md */

export const DIRECTORY_LIMITS = {
  nameBytes: 64,
  pathBytes: 4096,
  /** Ids of one revocation. */
  ids: 1024,
  /** The longest time that a directory is granted for: a year. */
  seconds: 366 * 86_400,
  warningBytes: 512,
  warnings: 16,
} as const

const path = text({ max: DIRECTORY_LIMITS.pathBytes })
const seconds = checked(u32, (value) => value <= DIRECTORY_LIMITS.seconds, "The time of a grant")

export const DIRECTORY_METHODS = {
  /**
   * Gives a file or directory of this machine to an instance's lasting domain, or to the disposable of that name. In a
   * domain that runs it is there when this answers.
   */
  grantDirectory: method({
    id: 60,
    name: "grantDirectory",
    params: struct({
      instance: text({ max: DIRECTORY_LIMITS.nameBytes }),
      /** Absolute. */
      path,
      access: oneOf("read", "write"),
      /** Absolute; empty: /mnt/ and its own name. */
      at: path,
      /** 0: until it is revoked, or the daemon ends. */
      seconds,
    }),
    result: struct({
      id: u32,
      at: path,
      /** What the person should know, and did not ask. */
      warnings: listOf(text({ max: DIRECTORY_LIMITS.warningBytes }), { max: DIRECTORY_LIMITS.warnings }),
    }),
    up: nothing,
    down: nothing,
  }),
  /** Takes these back; in domains that run their open files fail when this answers. */
  revokeDirectory: method({
    id: 61,
    name: "revokeDirectory",
    params: struct({ ids: listOf(u32, { max: DIRECTORY_LIMITS.ids }) }),
    result: struct({ revoked: u32 }),
    up: nothing,
    down: nothing,
  }),
  /** Lines of DirectoryGrantRow. */
  listDirectoryGrants: method({
    id: 62,
    name: "listDirectoryGrants",
    params: nothing,
    result: nothing,
    up: nothing,
    down: nothing,
  }),
} as const

export interface DirectoryGrantRow {
  readonly id: number
  /** An instance, or a disposable's domain. */
  readonly instance: string
  readonly path: string
  readonly kind: "file" | "directory"
  readonly at: string
  readonly access: "read" | "write"
  readonly grantedAt: number
  /** Milliseconds since 1970; undefined: until it is revoked. */
  readonly until: number | undefined
  /** The domain that has it now; undefined: it does not run. */
  readonly domain: string | undefined
}
