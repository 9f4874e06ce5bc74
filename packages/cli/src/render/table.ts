import { printable } from "@skerry/model"

export interface Column<Row> {
  readonly title: string
  readonly align?: "left" | "right"
  /** May be untrusted: it is made printable here. */
  cell(row: Row): string
}

const GAP = "  "

/** A title line and one line per row, aligned; for `--json` there is `showJson`. */
export function table<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): string {
  const lines = [
    columns.map((column) => column.title),
    ...rows.map((row) => columns.map((column) => printable(column.cell(row)))),
  ]
  const widths = columns.map((_, index) => Math.max(...lines.map((cells) => cells[index]?.length ?? 0)))
  const aligned = lines.map((cells) =>
    cells
      .map((cell, index) =>
        columns[index]?.align === "right"
          ? cell.padStart(widths[index] ?? 0)
          : cell.padEnd(widths[index] ?? 0),
      )
      .join(GAP)
      .trimEnd(),
  )
  return `${aligned.join("\n")}\n`
}

/** What `--json` prints wherever something is listed. */
export const showJson = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`
