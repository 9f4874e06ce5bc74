/** Bytes that stand for themselves; all others are written \0ooo, as `printf %b` of every shell reads it. */
const PLAIN = /^[A-Za-z0-9._+,=@-]*$/

export function escapeBytes(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString("latin1")
  if (PLAIN.test(text)) return text
  let escaped = ""
  for (const character of text) {
    escaped += PLAIN.test(character)
      ? character
      : `\\0${character.charCodeAt(0).toString(8).padStart(3, "0")}`
  }
  return escaped
}

const ESCAPED = /^(?:[A-Za-z0-9._+,=@-]|\\0[0-3][0-7]{2})*$/

/** undefined: it was not written by escapeBytes(). */
export function unescapeBytes(untrustedText: string): Buffer | undefined {
  if (!ESCAPED.test(untrustedText)) return undefined
  const text = untrustedText.replace(/\\0([0-3][0-7]{2})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  )
  return Buffer.from(text, "latin1")
}
