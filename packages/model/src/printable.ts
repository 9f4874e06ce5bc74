/*
 * Text that came from outside is shown, never obeyed: a terminal acts on C0 and C1 controls, and Unicode's
 * direction marks make a line read differently from what it says.
 */
const UNSAFE =
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]|\p{Surrogate}/gu

const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`

/** One line, safe on a terminal: control characters, line ends and direction marks are written as \uXXXX. */
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
