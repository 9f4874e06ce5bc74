export const EXEC_LIMITS = {
  /** Words of one command. */
  words: 4096,
} as const

/** An argument that encodes no command. */
export class ExecArgumentError extends Error {
  override readonly name = "ExecArgumentError"
  readonly code = "bad-argument"
}

/**
 * The command in the argument of qubes.VMExec: words between "+"; in a word, `-HH` (capital digits) is a byte, `--` a
 * "-", and letters, digits, "." and "_" are themselves. Throws ExecArgumentError.
 */
export function decodeCommand(untrustedArgument: string): readonly string[] {
  const parts = untrustedArgument.split("+", EXEC_LIMITS.words + 1)
  if (parts.length > EXEC_LIMITS.words) {
    throw new ExecArgumentError(`A command has more than ${EXEC_LIMITS.words} words`)
  }
  const words = parts.map(decodeWord)
  if (words[0] === "") throw new ExecArgumentError("The argument names no command")
  return words
}

const WORD = /^(?:[A-Za-z0-9._]|--|-[A-F0-9]{2})*$/

function decodeWord(part: string): string {
  if (!WORD.test(part)) {
    throw new ExecArgumentError(
      `Cannot decode ${JSON.stringify(part.slice(0, 64))}: use letters, digits, ".", "_", -HH and --`,
    )
  }
  const bytes: number[] = []
  for (let at = 0; at < part.length; at++) {
    if (part[at] !== "-") bytes.push(part.charCodeAt(at))
    else if (part[at + 1] === "-") {
      bytes.push(0x2d)
      at += 1
    } else {
      bytes.push(Number.parseInt(part.slice(at + 1, at + 3), 16))
      at += 2
    }
  }
  if (bytes.includes(0)) throw new ExecArgumentError("A word of a command cannot contain NUL")
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes))
  } catch (cause) {
    throw new ExecArgumentError("A word of a command is not UTF-8", { cause })
  }
}

/** The argument that decodes to this command. */
export function encodeCommand(words: readonly string[]): string {
  return words
    .map((word) =>
      Array.from(Buffer.from(word), (byte) => {
        const character = String.fromCharCode(byte)
        if (/[A-Za-z0-9._]/.test(character)) return character
        if (character === "-") return "--"
        return `-${byte.toString(16).toUpperCase().padStart(2, "0")}`
      }).join(""),
    )
    .join("+")
}
