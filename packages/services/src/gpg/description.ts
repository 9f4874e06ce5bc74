import { createHash } from "node:crypto"
import { printable } from "@skerry/model"
import type { Detail } from "@skerry/rpc"
import { parseGitObject } from "./git-object.ts"

/** Bounds of what is shown of one document. */
export const SHOWN = {
  /** Lines of a text: what fits a prompt. */
  lines: 40,
  /** Characters of a line. */
  lineCharacters: 160,
} as const

/**
 * Pure: what these bytes are, so that a person can tell whether to sign them. Size and digest are always there: what
 * else is shown may be a part.
 */
export function describeData(untrustedBytes: Uint8Array, claimedFileName: string): Detail[] {
  const details: Detail[] = []
  const untrustedText = asText(untrustedBytes)
  const object = untrustedText === undefined ? undefined : parseGitObject(untrustedText)
  if (object !== undefined) {
    details.push({ label: "Kind", text: `Git ${object.kind}` })
    for (const { name, value } of object.headers) details.push({ label: name, text: firstLines(value) })
    details.push({ label: "Message", text: firstLines(object.message) })
  } else if (untrustedText !== undefined) {
    details.push({ label: "Kind", text: "Text" }, { label: "Text", text: firstLines(untrustedText) })
  } else details.push({ label: "Kind", text: "Not text: check its digest" })
  if (claimedFileName !== "") {
    details.push({ label: "File name, as the caller says", text: cutLine(printable(claimedFileName)) })
  }
  details.push({ label: "Size", text: `${untrustedBytes.length} bytes` })
  details.push({ label: "SHA-256", text: createHash("sha256").update(untrustedBytes).digest("hex") })
  return details
}

/** Undefined unless it is UTF-8 without control characters other than line ends and tabs. */
function asText(untrustedBytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(untrustedBytes)
    return /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/.test(text) ? undefined : text
  } catch {
    // Not UTF-8: that is an answer, not a failure.
    return undefined
  }
}

const cutLine = (line: string) =>
  line.length > SHOWN.lineCharacters
    ? `${line.slice(0, SHOWN.lineCharacters)}… (${line.length - SHOWN.lineCharacters} more characters)`
    : line

function firstLines(text: string): string {
  const lines = text.replace(/\r?\n$/, "").split(/\r?\n/)
  const shown = lines.slice(0, SHOWN.lines).map(cutLine)
  if (lines.length > SHOWN.lines) shown.push(`… and ${lines.length - SHOWN.lines} more lines, not shown`)
  return shown.join("\n")
}
