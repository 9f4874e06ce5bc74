import type { Program } from "../program.ts"

/** As the reference prints it: `2026-11-21T10:00:00+00:00`. */
export const dateLine = (milliseconds: number): string =>
  `${new Date(milliseconds).toISOString().slice(0, 19)}+00:00\n`

/** `qubes.GetDate`: what time it is here. */
export const getDate: Program = async ({ stdout }) => {
  stdout.write(dateLine(Date.now()))
  return 0
}
