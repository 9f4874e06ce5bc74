export type BackupErrorCode =
  | "not-a-backup" // nothing there, or something else
  | "too-new" // written by a later version
  | "wrong-passphrase"
  | "damaged" // missing, replaced, reordered, cut short or altered
  | "older" // an earlier state of what was seen there before
  | "unsafe" // it asks for what a backup never contains
  | "too-large"
  | "in-use"
  | "no-space"
  | "not-empty" // a restore would mix with what is there
  | "differs" // what came out is not what was backed up
  | "unknown-backup"
  | "io"

export class BackupError extends Error {
  override readonly name = "BackupError"
  readonly code: BackupErrorCode
  constructor(code: BackupErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
