import type { ObjectRecord, TreeRow, VersionRow } from "@skerry/rpc"

/** The state store as a backup sees it. Digests are text, `sha256:…`. */
export interface StateSource {
  trees(): Promise<readonly TreeRow[]>
  /** Keeps the present as a version, if it differs from the newest one. */
  snapshot(tree: string): Promise<void>
  /** Oldest first. */
  versions(tree: string): Promise<readonly VersionRow[]>
  /**
   * What a version is made of, but for what versions with the digests `known` are made of; objects that these have may
   * come all the same. Children come before what names them. The contents stay valid.
   */
  objects(tree: string, version: VersionRow, known: readonly string[]): AsyncIterable<ObjectRecord>
}

/** The state store as a restore sees it. */
export interface StateSink {
  trees(): Promise<readonly TreeRow[]>
  versions(tree: string): Promise<readonly VersionRow[]>
  /** Each is checked against its digest. They stay if versions name them within the hour. */
  put(objects: AsyncIterable<ObjectRecord>): Promise<void>
  /** Makes a tree with these versions; the last is the present. All of it, or nothing. */
  adopt(tree: string, versions: readonly VersionRow[]): Promise<void>
  removeTree(tree: string): Promise<void>
}
