/** Below this width, text is not wrapped more narrowly: it would be no easier to read. */
const NARROWEST = 24

/** Breaks one paragraph into lines of at most `columns` characters, where its words allow. */
export function wrap(paragraph: string, columns: number): string {
  const width = Math.max(columns, NARROWEST)
  const lines: string[] = []
  let line = ""
  for (const word of paragraph.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else {
      line = line === "" ? word : `${line} ${word}`
    }
  }
  return [...lines, line].join("\n")
}
