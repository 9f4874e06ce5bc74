import type { NodeLine, Reference } from "@skerry/files/describe-node"
import { escapeBytes } from "./escape.ts"

/*
 * What a node of the state store says, as text: a backup keeps it beside the node, so that files can be found without
 * Skerry. docs/backup.md has the lines.
 */

export type DescribeNode = (content: Uint8Array) => Iterable<NodeLine>

/** Fields are separated by one space. */
export function listText(lines: Iterable<NodeLine>): string {
  let text = ""
  for (const line of lines) text += `${lineText(line)}\n`
  return text
}

const LETTERS = { root: "r", directory: "d", file: "f", symlink: "l", more: "m", attributes: "a" } as const

function lineText(line: NodeLine): string {
  const letter = LETTERS[line.kind]
  if (line.kind === "attributes") return `${letter} ${refer(line.content)}`
  if (line.kind === "more") return `${letter} ${line.offset} ${refer(line.content)}`
  const size = line.kind === "file" ? line.size : 0
  const last = line.kind === "symlink" ? escapeBytes(line.target) : refer(line.content)
  const mode = (line.mode & 0o7777).toString(8)
  return `${letter} ${mode} ${line.modifyTime} ${size} ${escapeBytes(line.name) || "-"} ${last}`
}

const refer = (reference: Reference | undefined) =>
  reference === undefined ? "-" : `${reference.kind}:${reference.digest}`

/** What a list leads to. Names and targets cannot look like it: they have no ":" unescaped. */
export function referencesIn(listText: string): Reference[] {
  return [...listText.matchAll(/ (chunk|node):([0-9a-f]{64})$/gm)].map(([, kind, digest]) => ({
    kind: kind as Reference["kind"],
    digest: digest ?? "",
  }))
}
