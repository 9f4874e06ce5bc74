import { type Connection, RemoteError, STATE_METHODS, type StateKey } from "@skerry/rpc"
import { CliError } from "../cli-error.ts"
import { openClient } from "../client.ts"
import type { CommandContext } from "../command.ts"
import { passphraseFrom } from "../terminal/read-passphrase.ts"

/**
 * A connection to the daemon. A store that is locked with a passphrase is opened first where there is a terminal to ask on;
 * one with a key file the daemon opens by itself, and where it cannot, it says so.
 */
export async function openState(context: CommandContext): Promise<Connection> {
  const { signal, stdin } = context
  const connection = await openClient(context)
  const { status, key } = await connection.call(STATE_METHODS.stateStatus, undefined, { signal }).result
  if (status !== "locked" || key !== "passphrase" || stdin.isTTY !== true) return connection
  const passphrase = await passphraseFrom(context, undefined, "Passphrase of the state store", false)
  await unlock(connection, { kind: "passphrase", passphrase }, signal)
  return connection
}

export async function unlock(connection: Connection, key: StateKey, signal: AbortSignal): Promise<void> {
  try {
    await connection.call(STATE_METHODS.stateUnlock, { key }, { signal }).result
  } catch (error) {
    throw wrongKey(error, key)
  }
}

/** What to say where a key does not fit; any other error as it is. */
export function wrongKey(error: unknown, key: StateKey): unknown {
  if (!(error instanceof RemoteError) || error.code !== "wrong-key") return error
  const what = key.kind === "passphrase" ? "That is not the passphrase" : "That is not the key file"
  return new CliError("refused", `${what} of the state store`, { cause: error })
}
