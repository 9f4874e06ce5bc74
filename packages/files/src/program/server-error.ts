/** Codes that the daemon branches on, in answers to FILES. */
export type ServerErrorCode =
  | "unknown-client" // no descriptor came under this label, or no port is called so
  | "known-client" // this label is being served
  | "wrong-tree" // this server has no such trees
  | "too-many" // clients
  | "not-durable" // what the client wrote could not be made durable

export class ServerError extends Error {
  override readonly name = "ServerError"
  readonly code: ServerErrorCode
  constructor(code: ServerErrorCode, message: string) {
    super(message)
    this.code = code
  }
}
