import { escaped, printable } from "./printable.ts"

/*
 * For text that a person decides by. Letters of two alphabets in one word are how a name is forged ("pаypal" with a
 * Cyrillic "а"), and so are words of another alphabet made only of letters that look Latin: such letters are
 * written out. Text of any one language stays as it is.
 */
const WORD = /[\p{L}\p{M}\p{N}_]+/gu
const LETTER = /\p{L}/gu
const LATIN = /\p{Script=Latin}/u
/** Scripts that have letters which look Latin. */
const LIKE_LATIN =
  /[\p{Script=Cyrillic}\p{Script=Greek}\p{Script=Armenian}\p{Script=Cherokee}\p{Script=Lisu}\p{Script=Coptic}\p{Script=Deseret}]/u
/** Used together in ordinary writing. */
const EAST_ASIAN =
  /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Bopomofo}\p{Script=Common}\p{Script=Inherited}]$/u
const SCRIPTS = [
  "Latin",
  "Cyrillic",
  "Greek",
  "Armenian",
  "Cherokee",
  "Hebrew",
  "Arabic",
  "Devanagari",
  "Thai",
  "Georgian",
].map((name) => new RegExp(`\\p{Script=${name}}`, "u"))
/** Letters of Cyrillic, Greek and Armenian that are drawn as Latin ones. */
const TWINS = new Set("асеорхуіјѕһԁԛԝьАВСЕНІЈКМОРЅТХУѴΑΒΕΖΗΙΚΜΝΟΡΤΥΧαινορτυχօսոցհԼՏ")
/** Latin letters and digits in another shape: full-width, mathematical, letter-like, ligatures. */
const SHAPES = /[\u{1d400}-\u{1d7ff}\uff10-\uff19\uff21-\uff3a\uff41-\uff5a\u2100-\u218f\ufb00-\ufb06]/gu
/** Drawn as "/", ".", ":" or "\", which paths and addresses are told apart by; and lines, which frames are drawn with. */
const MARKS = /[\u2044\u2215\u29f8\u29f9\u2236\ua789\u02d0\u2024\u2027\uff0e\uff0f\uff3c\u2500-\u259f]/gu

/** One line that reads as what it is. */
export function plainly(untrustedText: string): string {
  return printable(untrustedText)
    .replace(SHAPES, escaped)
    .replace(MARKS, escaped)
    .replace(WORD, (word) => (isForged(word) ? word.replace(LETTER, escapeForeign) : word))
}

const escapeForeign = (letter: string) => (LATIN.test(letter) ? letter : escaped(letter))

function isForged(word: string): boolean {
  const letters = word.match(LETTER) ?? []
  if (letters.every((letter) => letter <= "\u007f")) return false
  if (letters.every((letter) => EAST_ASIAN.test(letter))) return false
  const scripts = SCRIPTS.filter((script) => letters.some((letter) => script.test(letter)))
  if (scripts.length > 1) return true
  return letters.some((letter) => LIKE_LATIN.test(letter)) && letters.every((letter) => TWINS.has(letter))
}

/** Lines of text, each plain; tabs become spaces. */
export function plainLines(untrustedText: string): string[] {
  return untrustedText
    .replaceAll("\r\n", "\n")
    .split("\n")
    .map((line) => plainly(line.replaceAll("\t", "    ")))
}
