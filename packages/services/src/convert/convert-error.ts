export type ConvertErrorCode =
  | "usage" // a file or an option that cannot be
  | "unsupported" // what the file is cannot be rendered there
  | "render-failed" // the renderer said so, or died
  | "bad-render" // what came back is not what a renderer sends
  | "cut" // it ended too early
  | "deadline"

/** Why there is no clean copy; nothing of it stays behind. */
export class ConvertError extends Error {
  override readonly name = "ConvertError"
  readonly code: ConvertErrorCode
  constructor(code: ConvertErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
