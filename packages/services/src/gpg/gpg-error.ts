export type GpgErrorCode =
  | "usage" // a command line that is not understood, or not allowed here
  | "refused" // by the person at the host, or because nobody answered
  | "no-key" // no key in the vault fits
  | "too-large" // over one of GPG_LIMITS
  | "bad-peer" // the other side does not speak this protocol

/** Why nothing was signed, decrypted or shown. */
export class GpgError extends Error {
  override readonly name = "GpgError"
  readonly code: GpgErrorCode
  constructor(code: GpgErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
