import type { AdminErrorCode } from "@skerry/rpc"

/** What the daemon refuses or could not do; code and message go to the client, and are for people. */
export class DaemonError extends Error {
  override readonly name = "DaemonError"
  readonly code: AdminErrorCode
  constructor(code: AdminErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

export type HomeErrorCode =
  | "already-running" // another daemon holds the lock
  | "unsafe-directory" // someone else could have put sockets into it
  | "unwritable"

/** The daemon cannot have its runtime directory. */
export class HomeError extends Error {
  override readonly name = "HomeError"
  readonly code: HomeErrorCode
  constructor(code: HomeErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
