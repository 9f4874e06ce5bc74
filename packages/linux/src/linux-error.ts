import { constants } from "node:os"

/** A call to Linux failed. `code` is the errno's name, as in Node's own errors. */
export class LinuxError extends Error {
  override readonly name = "LinuxError"
  readonly code: string
  constructor(call: string, errno: number, what: string) {
    const code = errnoName(errno)
    super(`${call} failed with ${code}${what === "" ? "" : `: ${what}`}`)
    this.code = code
  }
}

function errnoName(errno: number): string {
  const known = Object.entries(constants.errno).find(([, value]) => value === errno)
  return known?.[0] ?? `errno ${errno}`
}
