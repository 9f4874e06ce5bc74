import type { LockedPackage, PackageRequest } from "./lock.ts"

/**
 * Where an application's packages come from. To add a kind: its spec in model's PackageSourceSpec, a request
 * in lock.ts, and an implementation of this beside `debian/`.
 */
export interface PackageSource {
  /**
   * Finds the packages that `request` means now, from indexes whose signatures were checked. Sorted by name.
   * Fails with "unknown-package", "no-mirror", "unreachable", "bad-signature".
   */
  resolve(request: PackageRequest, purpose: Purpose, signal: AbortSignal): Promise<readonly LockedPackage[]>
  /**
   * Brings every package into `directory` under its SHA-256 and ".deb"; those already there are left alone. On failure
   * no wrong file is under such a name. Fails with "unreachable", "truncated", "wrong-digest", "no-mirror".
   */
  fetch(request: PackageRequest, wanted: readonly LockedPackage[], options: FetchOptions): Promise<void>
}

/** "application": a whole root file system, with what every Debian has. "base": only what is named, no closure. */
export type Purpose = "application" | "base"

export interface FetchOptions {
  readonly directory: string
  /** Of the bytes of `wanted`. */
  readonly onBytes: (done: number) => void
  readonly signal: AbortSignal
}
