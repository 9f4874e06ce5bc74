/** What a terminal of this size shows after it was sent this: as much of a terminal as Skerry's screens need. */
export function pictureOf(sent: string, rows: number, columns: number): string[] {
  const blank = () => Array.from({ length: rows }, () => new Array<string>(columns).fill(" "))
  let cells = blank()
  let main: string[][] | undefined
  let row = 0
  let column = 0
  for (const [whole, parameters = "", final] of sent.matchAll(
    /\u001b\[([0-9;?!]*)([A-Za-z])|\u001b\(B|[\s\S]/gu,
  )) {
    if (final === "H") {
      const [y = 1, x = 1] = parameters.split(";").map(Number)
      row = Math.max(0, y - 1)
      column = Math.max(0, x - 1)
    } else if (final === "K") cells[row]?.fill(" ", column)
    else if (final === "J") cells = blank()
    else if (final === "h" && parameters === "?1049") {
      main = cells
      cells = blank()
    } else if (final === "l" && parameters === "?1049") cells = main ?? cells
    else if (final !== undefined || whole.length > 2) continue
    else if (whole === "\r") column = 0
    else if (whole === "\n") row += 1
    else if (whole >= " ") {
      const line = cells[row]
      if (line !== undefined && column < columns) line[column] = whole
      column += 1
    }
  }
  return cells.map((line) => line.join("").trimEnd())
}
