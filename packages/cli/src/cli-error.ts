export type CliErrorCode =
  | "usage" // the command line makes no sense; nothing was done
  | "refused" // the command made sense and cannot be done; the message says why
  | "interrupted" // a signal ended the command

/** Something that the command line program itself has to say. */
export class CliError extends Error {
  override readonly name = "CliError"
  readonly code: CliErrorCode
  constructor(code: CliErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
