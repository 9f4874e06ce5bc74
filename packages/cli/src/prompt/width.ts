/* How many columns text takes on a terminal. Text must be safe already: see `plainly` of model/. */

const MARK = /^\p{M}$/u
const WIDE = /^\p{Emoji_Presentation}$/u
/** East Asian wide characters, as ranges of code points. */
const WIDE_RANGES: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2e80, 0x303e],
  [0x3041, 0x33ff],
  [0x3400, 0x4dbf],
  [0x4e00, 0xa4cf],
  [0xa960, 0xa97f],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x1f300, 0x1faff],
  [0x20000, 0x3fffd],
]

function characterWidth(character: string): number {
  const code = character.codePointAt(0) ?? 0
  if (code < 0x300) return 1
  if (MARK.test(character)) return 0
  if (WIDE_RANGES.some(([first, last]) => code >= first && code <= last) || WIDE.test(character)) return 2
  return 1
}

export function textWidth(text: string): number {
  let width = 0
  for (const character of text) width += characterWidth(character)
  return width
}

/** What fits into so many columns; where it is less than all, "…" says so. */
export function cutToWidth(text: string, columns: number): string {
  if (textWidth(text) <= columns) return text
  let kept = ""
  let width = 0
  for (const character of text) {
    width += characterWidth(character)
    if (width > columns - 1) break
    kept += character
  }
  return columns > 0 ? `${kept}…` : ""
}

/** Lines of at most so many columns, broken at spaces where a line has one late enough, else anywhere. */
export function wrapToWidth(text: string, columns: number): string[] {
  const lines: string[] = []
  let line = ""
  let width = 0
  for (const character of text) {
    const own = characterWidth(character)
    if (width + own > columns && line !== "") {
      const space = line.lastIndexOf(" ")
      const isLate = space > line.length / 2
      lines.push(isLate ? line.slice(0, space) : line)
      line = isLate ? line.slice(space + 1) : ""
      width = textWidth(line)
    }
    line += character
    width += own
  }
  return [...lines, line]
}
