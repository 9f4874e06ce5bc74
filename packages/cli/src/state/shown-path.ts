import { printable } from "@skerry/model"
import { STATE_LIMITS } from "@skerry/rpc"
import { CliError } from "../cli-error.ts"

/*
 * Names in a tree come from a guest, and are bytes: they need not be text, and text need not be harmless. What is shown is
 * either the name as it is, or in double quotes with everything in question written out, so that the two cannot be mixed up.
 */

export interface UntrustedPath {
  readonly path: string
  /** base64, where the bytes are no UTF-8. */
  readonly rawPath?: string
}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** The same as rows have it. */
export function pathOfBytes(untrustedBytes: Uint8Array): UntrustedPath {
  try {
    return { path: UTF8.decode(untrustedBytes) }
  } catch {
    const bytes = Buffer.from(untrustedBytes)
    return { path: bytes.toString("utf8"), rawPath: bytes.toString("base64") }
  }
}

/** On one line, safe on a terminal, and never to be taken for another name. The root is "/". */
export function shownPath({ path, rawPath }: UntrustedPath): string {
  if (rawPath !== undefined) return `"${escapedBytes(Buffer.from(rawPath, "base64"))}"`
  if (path === "") return "/"
  const isPlain = printable(path) === path && !/^\s|\s$|["\\]/.test(path)
  return isPlain ? path : printable(JSON.stringify(path))
}

/** As JSON would have it, but for bytes that are no text: those are \xNN. */
function escapedBytes(bytes: Buffer): string {
  let shown = ""
  for (let at = 0; at < bytes.length; ) {
    const width = widthAt(bytes, at)
    if (width === 0) {
      shown += `\\x${(bytes[at] ?? 0).toString(16).padStart(2, "0")}`
      at += 1
    } else {
      shown += printable(JSON.stringify(bytes.toString("utf8", at, at + width)).slice(1, -1))
      at += width
    }
  }
  return shown
}

/** Bytes of the character that begins here; 0: none does. */
function widthAt(bytes: Buffer, at: number): number {
  for (let width = 1; width <= 4 && at + width <= bytes.length; width++) {
    try {
      UTF8.decode(bytes.subarray(at, at + width))
      return width
    } catch {
      // Longer, or none.
    }
  }
  return 0
}

/** A path as it is typed: "/" and "" are the root, a "/" in front or behind says nothing. Throws CliError "usage". */
export function parsePath(word: string, isBase64: boolean): Uint8Array {
  if (isBase64 && !/^[A-Za-z0-9+/]*={0,2}$/.test(word)) {
    throw new CliError("usage", `${JSON.stringify(word)} is no base64`)
  }
  const typed = isBase64 ? Buffer.from(word, "base64").toString("latin1") : word
  const names = typed.split("/").filter((name) => name !== "" && name !== ".")
  if (names.includes("..")) {
    throw new CliError("usage", 'A path in a tree begins at its root, and has no ".." in it')
  }
  const bytes = Buffer.from(names.join("/"), isBase64 ? "latin1" : "utf8")
  if (bytes.length <= STATE_LIMITS.pathBytes && !bytes.includes(0)) return bytes
  throw new CliError("usage", `A path has at most ${STATE_LIMITS.pathBytes} bytes, and no NUL`)
}
