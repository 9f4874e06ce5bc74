/* Lines that methods of state-protocol.ts answer with. */

export interface TreeRow {
  readonly tree: string
  readonly files: number
  /** Of the present, before de-duplication and compression. */
  readonly bytes: number
  readonly quotaBytes: number
  readonly quotaFiles: number
  readonly versions: number
  /** Clients that have it open. */
  readonly clients: number
}

export interface VersionRow {
  readonly version: number
  readonly digest: string
  /** Milliseconds since 1970. */
  readonly time: number
  readonly reason: "manual" | "stop" | "interval" | "before-rollback" | "rollback" | "import" | "restored"
  readonly note: string
  readonly files: number
  readonly bytes: number
}

/** `path` is shown as text; `rawPath`, where it is not UTF-8, has its bytes in base64. */
export interface EntryRow {
  readonly path: string
  readonly rawPath?: string
  readonly kind: "file" | "directory" | "symlink"
  readonly mode: number
  readonly size: number
  /** Milliseconds since 1970. */
  readonly modifyTime: number
  readonly target?: string
}

export interface DiffRow {
  readonly change: "added" | "removed" | "changed" | "attributes"
  readonly kind: "file" | "directory" | "symlink"
  readonly path: string
  readonly rawPath?: string
}

export interface PruneRow {
  readonly tree: string
  readonly version: number
  readonly isKept: boolean
  /** "daily 2026-11-21", …; empty: nothing keeps it. */
  readonly why: string
}

export interface DamageRow {
  readonly problem: string
  /** Where it is met; empty: nowhere that a version leads to. */
  readonly tree: string
  readonly versions: readonly number[]
  readonly path: string
}

export interface UsageRow {
  /** 0: the present. */
  readonly version: number
  readonly files: number
  readonly bytes: number
  /** What removing it alone would free, about. */
  readonly ownBytes: number
}
