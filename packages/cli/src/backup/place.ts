/*
 * Where a backup lies: the file `skerry-backup`, and two folders of files that are written once. All bytes that come
 * from it are untrusted.
 */

export type PlaceFolder = "parts" | "manifests"

export interface BackupPlace extends AsyncDisposable {
  /** For messages. */
  readonly shown: string
  /** Names with their lengths, of complete files alone. */
  list(folder: PlaceFolder): Promise<ReadonlyMap<string, number>>
  /** undefined: it is not there. Throws BackupError "too-large" for more than `mostBytes`. */
  read(path: string, mostBytes: number): Promise<Buffer | undefined>
  /**
   * Durable when it resolves; until then nothing is there under this name, whatever happens. Throws BackupError
   * "no-space" or "io".
   */
  write(path: string, bytes: Uint8Array): Promise<void>
  /** What is not there is removed already. */
  remove(path: string): Promise<void>
}

export const HEADER_PATH = "skerry-backup"
