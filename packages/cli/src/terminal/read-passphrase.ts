import { closeSync, openSync, readSync } from "node:fs"
import { resolve } from "node:path"
import { StringDecoder } from "node:string_decoder"
import { quoted } from "@skerry/model"
import { STATE_LIMITS, type StateKey } from "@skerry/rpc"
import { CliError } from "../cli-error.ts"
import type { CommandContext } from "../command.ts"

/*
 * Where a key comes from: a terminal, without echo; a file; or standard input. Never a word of the command line, which
 * every process of the machine can read.
 */

export type KeyContext = Pick<CommandContext, "stdin" | "stderr" | "signal" | "cwd">

export interface KeyOptions {
  readonly "passphrase-file"?: string | undefined
  readonly "key-file"?: string | undefined
}

/** For the table of a command that needs a key; `keyFrom` reads what was given. */
export const KEY_OPTIONS = {
  "passphrase-file": {
    kind: "value",
    placeholder: "FILE",
    complete: "file",
    summary: "Take the passphrase from the first line of this file; - is standard input",
  },
  "key-file": {
    kind: "value",
    placeholder: "FILE",
    complete: "file",
    summary: "The key is the content of this file, in place of a passphrase",
  },
} as const

/** With `isNew` it is asked for twice, since one slip would lock everything away. Throws CliError. */
export async function keyFrom(
  context: KeyContext,
  options: KeyOptions,
  question: string,
  isNew: boolean,
): Promise<StateKey> {
  const { "passphrase-file": passphraseFile, "key-file": keyFile } = options
  if (passphraseFile !== undefined && keyFile !== undefined) {
    throw new CliError("usage", "Give a passphrase or a key file, not both")
  }
  if (keyFile !== undefined) {
    const content = readWhole(resolve(context.cwd, keyFile))
    if (content.length === 0) throw new CliError("refused", `The key file ${quoted(keyFile)} is empty`)
    return { kind: "keyFile", content }
  }
  return { kind: "passphrase", passphrase: await passphraseFrom(context, passphraseFile, question, isNew) }
}

export async function passphraseFrom(
  context: KeyContext,
  file: string | undefined,
  question: string,
  isNew: boolean,
): Promise<string> {
  const { stdin } = context
  if (file !== undefined && file !== "-") {
    return checked(firstLine(readWhole(resolve(context.cwd, file)).toString("utf8")))
  }
  if (file === "-" || stdin.isTTY !== true) return checked(await readLine(context))
  const passphrase = checked(await readHidden(context, question))
  if (isNew && (await readHidden(context, "The same again")) !== passphrase) {
    throw new CliError("refused", "The two differ: nothing was changed")
  }
  return passphrase
}

const firstLine = (text: string) => text.split(/\r?\n/, 1)[0] ?? ""

function checked(passphrase: string): string {
  if (passphrase === "") throw new CliError("refused", "An empty passphrase cannot be used")
  if (Buffer.byteLength(passphrase) <= STATE_LIMITS.keyBytes) return passphrase
  throw new CliError("refused", `A passphrase has at most ${STATE_LIMITS.keyBytes} bytes`)
}

/** One byte over the limit is enough to be told that it is too long. */
function readWhole(path: string): Buffer {
  const content = Buffer.alloc(STATE_LIMITS.keyBytes + 1)
  let length = 0
  try {
    const descriptor = openSync(path, "r")
    try {
      for (let read = -1; read !== 0 && length < content.length; length += read) {
        read = readSync(descriptor, content, length, content.length - length, null)
      }
    } finally {
      closeSync(descriptor)
    }
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    throw new CliError("refused", `Cannot read ${quoted(path, 200)}: ${code}`, { cause })
  }
  if (length <= STATE_LIMITS.keyBytes) return content.subarray(0, length)
  throw new CliError("refused", `${quoted(path, 200)} has more than ${STATE_LIMITS.keyBytes} bytes`)
}

async function readLine({ stdin }: KeyContext): Promise<string> {
  let text = ""
  const decoder = new StringDecoder("utf8")
  for await (const chunk of stdin) {
    text += decoder.write(chunk as Buffer)
    if (text.includes("\n") || text.length > STATE_LIMITS.keyBytes) break
  }
  return firstLine(text)
}

const CONTROL = { interrupt: "\u0003", end: "\u0004", clear: "\u0015", erase: /[\b\u007f]/ } as const

/** A line typed on a terminal that shows nothing of it. */
async function readHidden({ stdin, stderr, signal }: KeyContext, question: string): Promise<string> {
  signal.throwIfAborted()
  stderr.write(`${question}: `)
  stdin.setRawMode?.(true)
  const decoder = new StringDecoder("utf8")
  const typed = Promise.withResolvers<string>()
  let text: readonly string[] = []
  const take = (chunk: Buffer) => {
    for (const character of decoder.write(chunk)) {
      if (character === "\r" || character === "\n") return typed.resolve(text.join(""))
      if (character === CONTROL.interrupt || character === CONTROL.end) {
        return typed.reject(new CliError("interrupted", "No passphrase was given"))
      }
      if (character === CONTROL.clear) text = []
      else if (CONTROL.erase.test(character)) text = text.slice(0, -1)
      else if (text.length <= STATE_LIMITS.keyBytes) text = [...text, character]
    }
  }
  const abort = () => typed.reject(signal.reason)
  const end = () => typed.reject(new CliError("refused", "The input ended before a passphrase was given"))
  stdin.on("data", take).once("end", end).resume()
  signal.addEventListener("abort", abort, { once: true })
  try {
    return await typed.promise
  } finally {
    signal.removeEventListener("abort", abort)
    stdin.off("data", take).off("end", end).pause()
    stdin.setRawMode?.(false)
    stderr.write("\n")
  }
}
