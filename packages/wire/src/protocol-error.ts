export type ProtocolErrorCode =
  | "truncated"
  | "trailing-bytes"
  | "too-large"
  | "too-deep"
  | "bad-text"
  | "bad-value"
  | "unknown-tag"
  | "unknown-message"
  | "out-of-order"
  | "credit-exceeded"

/** A peer broke the protocol. It ends that peer's connection and nothing else. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError"
  readonly code: ProtocolErrorCode
  constructor(code: ProtocolErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
