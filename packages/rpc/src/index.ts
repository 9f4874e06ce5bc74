export * from "./admin-protocol.ts"
export * from "./agent-protocol.ts"
export * from "./agent-trees.ts"
export type * from "./audit-protocol.ts"
export * from "./call-protocol.ts"
export { type CallListener, CallState } from "./call-state.ts"
export * from "./clipboard-protocol.ts"
export { type CloseReason, Connection, type ConnectionOptions } from "./connection.ts"
export * from "./directory-protocol.ts"
export { CallFailure, RemoteError, RpcError, type RpcErrorCode } from "./errors.ts"
export { describeFailure, encodeFailure } from "./failure.ts"
export * from "./files-protocol.ts"
export { Fail, STREAM } from "./frames.ts"
export {
  bareHandler,
  type CallContext,
  type Handler,
  type Handlers,
  handler,
  IncomingCall,
} from "./incoming-call.ts"
export { RPC_LIMITS } from "./limits.ts"
export { type Method, method } from "./method.ts"
export { Multiplexer } from "./multiplexer.ts"
export * from "./object-stream.ts"
export { type CallOptions, encodeCall, type OutgoingCall } from "./outgoing-call.ts"
export * from "./prompt-protocol.ts"
export type { ReceiveStream } from "./receive-stream.ts"
export { type Answer, type Relay, type RelayHooks, relay } from "./relay.ts"
export type { SendStream } from "./send-stream.ts"
export * from "./state-protocol.ts"
export type * from "./state-rows.ts"
export * from "./tree-stream.ts"
