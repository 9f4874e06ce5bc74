export interface Size {
  readonly rows: number
  readonly columns: number
}

/** Less than this shows too little of a question to decide by. */
const LEAST: Size = { rows: 8, columns: 30 }

export const isTooSmall = ({ rows, columns }: Size): boolean => rows < LEAST.rows || columns < LEAST.columns

/** Wider lines are hard to read, and the eye loses what belongs together. */
export const widthOf = (columns: number): number => Math.min(columns, 100)

/** Rows below the question, for those that wait behind it. */
export const queueRows = ({ rows }: Size, waiting: number): number =>
  Math.min(waiting, rows >= 20 ? 3 : rows >= 14 ? 1 : 0)

/** A row of its own for what happened last; without it that stands in the place of the hint. */
export const messageRows = ({ rows }: Size): number => (rows >= 12 ? 1 : 0)

/** Rows above and below the body: title and rule; rule, scopes, hint and keys. */
const FRAME_ROWS = 6

/** Rows for a question's body. */
export const roomFor = (size: Size, waiting: number): number =>
  Math.max(1, size.rows - FRAME_ROWS - queueRows(size, waiting) - messageRows(size))
