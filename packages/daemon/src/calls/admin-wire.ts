import type { Writable } from "node:stream"

/*
 * Answers of the services admin.*, as the reference's clients know them: a kind, NUL, and then
 *   0  the result's bytes
 *   1  one event: subject NUL event NUL (key NUL value NUL)* NUL
 *   2  an exception: its class NUL (traceback, always empty) NUL format NUL (argument NUL)*
 */

export type AdminException =
  | "QubesVMNotFoundError"
  | "QubesVMNotRunningError"
  | "QubesVMNotPausedError"
  | "QubesNoSuchPropertyError"
  | "QubesPropertyValueError"
  | "QubesException"

export const resultBytes = (text: string): string => `0\0${text}`

export const exceptionBytes = (kind: AdminException, message: string): string =>
  `2\0${kind}\0\0${message.replaceAll("%", "%%")}\0`

export const eventBytes = (
  subject: string,
  event: string,
  fields: Readonly<Record<string, string>>,
): string =>
  `1\0${subject}\0${event}\0${Object.entries(fields)
    .map(([key, value]) => `${key}\0${value}\0`)
    .join("")}\0`

/** Resolves when the reader has room again. */
export const writeAll = (stream: Writable, text: string): Promise<void> =>
  new Promise((resolve) => stream.write(text, () => resolve()))
