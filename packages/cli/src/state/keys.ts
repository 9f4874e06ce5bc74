import { join } from "node:path"
import { STATE_METHODS } from "@skerry/rpc"
import { CliError } from "../cli-error.ts"
import { openClient } from "../client.ts"
import type { CommandContext } from "../command.ts"
import { showBytes } from "../render/amount.ts"
import { type KeyOptions, keyFrom } from "../terminal/read-passphrase.ts"
import { unlock, wrongKey } from "./open-state.ts"

export async function status(context: CommandContext, asJson: boolean): Promise<number> {
  const connection = await openClient(context)
  const { status, key, storedBytes, freeBytes } = await connection.call(
    STATE_METHODS.stateStatus,
    undefined,
    {
      signal: context.signal,
    },
  ).result
  if (asJson) {
    const row = { status, key, storedBytes: Number(storedBytes), freeBytes: Number(freeBytes) }
    context.stdout.write(`${JSON.stringify(row)}\n`)
    return 0
  }
  const lines = {
    absent:
      'Nothing is kept yet. The state store is made when it is first used, with a key file in the configuration; "skerry state unlock" makes it now, with a passphrase that you choose\n',
    locked:
      key === "keyFile"
        ? "The state store is closed; it opens by itself when it is used (its key is a file)\n"
        : "The state store is locked (its key is a passphrase): skerry state unlock\n",
    open: `The state store is open (${KEY_WORDS[key]}): ${showBytes(Number(storedBytes))} stored, ${showBytes(Number(freeBytes))} free\n`,
  }
  context.stdout.write(lines[status])
  return 0
}

/** Where the daemon keeps the key of a store that has no passphrase. */
const keyFileOf = ({ paths }: Pick<CommandContext, "paths">) => join(paths.configuration, "state.key")

const isSaid = (given: KeyOptions) =>
  given["passphrase-file"] !== undefined || given["key-file"] !== undefined

/** The present key of a store: of one with a key file that file, where nothing else is said. */
const presentKey = (
  context: CommandContext,
  options: KeyOptions,
  key: keyof typeof KEY_WORDS,
  question: string,
) =>
  key === "keyFile" && !isSaid(options)
    ? keyFrom(context, { "key-file": keyFileOf(context) }, question, false)
    : keyFrom(context, options, question, false)

const KEY_WORDS = {
  none: "no key",
  passphrase: "its key is a passphrase",
  keyFile: "its key is a file",
} as const

export async function unlockStore(context: CommandContext, options: KeyOptions): Promise<number> {
  const connection = await openClient(context)
  const { signal, stdout, stderr } = context
  const { status, key } = await connection.call(STATE_METHODS.stateStatus, undefined, { signal }).result
  if (status === "open") {
    stdout.write("The state store is open already\n")
    return 0
  }
  if (status === "absent") {
    stderr.write(
      "A state store is made. Without its passphrase nobody can read it, and nobody can bring the passphrase back: write it down.\n",
    )
    await unlock(connection, await keyFrom(context, options, "New passphrase", true), signal)
  } else {
    const question = "Passphrase of the state store"
    await unlock(connection, await presentKey(context, options, key, question), signal)
  }
  stdout.write("The state store is open\n")
  return 0
}

interface ChangeOptions extends KeyOptions {
  readonly "new-passphrase-file": string | undefined
  readonly "new-key-file": string | undefined
}

export async function changeKey(context: CommandContext, options: ChangeOptions): Promise<number> {
  const connection = await openClient(context)
  const { signal, stdout, stdin } = context
  const { status, key } = await connection.call(STATE_METHODS.stateStatus, undefined, { signal }).result
  if (status === "absent") {
    throw new CliError(
      "refused",
      'There is no state store yet: "skerry state unlock" makes one with a passphrase',
    )
  }
  const nextOptions = {
    "passphrase-file": options["new-passphrase-file"],
    "key-file": options["new-key-file"],
  }
  const mustAsk = !isSaid(nextOptions) || (key === "passphrase" && !isSaid(options))
  if (stdin.isTTY !== true && mustAsk) {
    throw new CliError(
      "usage",
      "Without a terminal, name files for both keys: --passphrase-file, and --new-passphrase-file or --new-key-file",
    )
  }
  const present = await presentKey(context, options, key, "Present passphrase")
  const next = await keyFrom(context, nextOptions, "New passphrase", true)
  try {
    await connection.call(STATE_METHODS.stateSetKey, { present, next }, { signal }).result
  } catch (error) {
    throw wrongKey(error, present)
  }
  stdout.write(
    next.kind === "passphrase"
      ? "From now on the state store opens with the new passphrase: after each start of the daemon it is asked for once\n"
      : "From now on the state store opens by itself, with a key file in the configuration\n",
  )
  return 0
}
