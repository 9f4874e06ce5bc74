import { quoted } from "@skerry/model"

const GLOB = /^[A-Za-z0-9_.+*?-]+$/

/** Why this is no pattern for arguments, for people. */
export function findGlobProblem(glob: string, maxCharacters: number): string | undefined {
  if (glob.length > maxCharacters) return `arg~= has ${glob.length} characters, ${maxCharacters} are allowed`
  if (!GLOB.test(glob)) {
    return `arg~= has letters, digits, "_", ".", "+", "-", "*" and "?", found ${quoted(glob)}`
  }
  return undefined
}

/**
 * `*` is any text, `?` any one character. Goes back to the last `*` alone, so that it takes at most the product of both
 * lengths.
 */
export function globMatches(glob: string, text: string): boolean {
  let at = 0
  let inGlob = 0
  let star = -1
  let starAt = 0
  while (at < text.length) {
    const expected = glob[inGlob]
    if (expected === "*") {
      star = inGlob++
      starAt = at
    } else if (expected !== undefined && (expected === "?" || expected === text[at])) {
      inGlob++
      at++
    } else if (star >= 0) {
      inGlob = star + 1
      at = ++starAt
    } else return false
  }
  while (glob[inGlob] === "*") inGlob++
  return inGlob === glob.length
}
