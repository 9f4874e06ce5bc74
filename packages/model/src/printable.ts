/*
 * Text that came from outside is shown, never obeyed: a terminal acts on controls, direction marks make a line read
 * differently from what it says, and what has no width hides in it. All of these, and what Unicode has given no
 * character or leaves to private agreement, are written out. Of spaces only the ordinary one stays.
 */
const UNSAFE =
  /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]|(?! )\p{Zs}|(?<=\p{M}{4})\p{M}/gu

/** As a source code would write it. */
export function escaped(character: string): string {
  const code = (character.codePointAt(0) ?? 0).toString(16)
  return code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, "0")}`
}

/** One line, safe on a terminal: control characters, line ends, marks without width or of direction are written as \uXXXX. */
export function printable(untrustedText: string): string {
  return untrustedText.replace(UNSAFE, escaped)
}

/** As `printable`, but line ends and tabs stay. */
export function printableLines(untrustedText: string): string {
  return untrustedText.replace(UNSAFE, (character) =>
    character === "\n" || character === "\t" ? character : escaped(character),
  )
}

/** In quotes, cut to `maxCharacters`, safe on a terminal. */
export function quoted(untrustedText: string, maxCharacters = 64): string {
  const cut =
    untrustedText.length > maxCharacters ? `${untrustedText.slice(0, maxCharacters)}…` : untrustedText
  return printable(JSON.stringify(cut))
}
