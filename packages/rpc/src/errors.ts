/** The peer's handler failed. `code` and `message` come from the peer: quote them before showing them. */
export class RemoteError extends Error {
  override readonly name = "RemoteError"
  readonly code: string
  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

/** What a handler throws to fail its call with a code of the protocol. */
export class CallFailure extends Error {
  override readonly name = "CallFailure"
  readonly code: string
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

export type RpcErrorCode =
  | "connection-closed" // the connection ended before the call did; `cause` says why where it is known
  | "too-many-calls" // RPC_LIMITS.callsOpen calls are open

export class RpcError extends Error {
  override readonly name = "RpcError"
  readonly code: RpcErrorCode
  constructor(code: RpcErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
