import { countOf, showBytes } from "../render/amount.ts"
import { pathOfBytes, shownPath } from "../state/shown-path.ts"
import type { Imported } from "./import-tree.ts"
import type { SkippedEntry } from "./send-tree.ts"

/** Paths of one list that people are shown; with --json there are more. */
const SHOWN = 20

export const isComplete = ({ skipped, changedCount }: Imported): boolean =>
  changedCount === 0 && skipped.every(({ why }) => why === "socket" || why === "pipe" || why === "device")

/** Pure: what came of an import, for people. */
export function importSummary(imported: Imported, tree: string): string {
  const { files, directories, symlinks, bytes, hardLinks, version } = imported
  const links = symlinks === 0 ? "" : `, ${countOf(symlinks, "symlink")}`
  const lines = [
    `${countOf(files, "file")} (${showBytes(bytes)}) in ${countOf(directories, "directory", "directories")}${links} are in ${tree}, kept as version ${version}`,
  ]
  if (hardLinks > 0) {
    lines.push(
      `${countOf(hardLinks, "file")} had further names (hard links): each name is a file of its own now`,
    )
  }
  lines.push(...listing("Left out", imported.skipped, imported.skippedCount))
  lines.push(...listing("NOT AS IT WAS", imported.changed, imported.changedCount))
  if (imported.changedCount > 0) {
    lines.push("Close what writes these files, and import again with --merge")
  }
  return lines.map((line) => `${line}\n`).join("")
}

function listing(title: string, entries: readonly SkippedEntry[], total: number): string[] {
  if (total === 0) return []
  const shown = entries
    .slice(0, SHOWN)
    .map((entry) => `  ${shownPath(pathOfBytes(entry.path))}: ${why(entry)}`)
  const more = total > shown.length ? [`  and ${total - shown.length} more`] : []
  return [`${title} (${total}):`, ...shown, ...more]
}

const WHY: Readonly<Record<SkippedEntry["why"], string>> = {
  socket: "a socket",
  pipe: "a pipe",
  device: "a device",
  unreadable: "cannot be read",
  vanished: "was removed meanwhile",
  replaced: "was replaced meanwhile",
  changed: "was changed while it was read",
}

const why = ({ why, code }: SkippedEntry) => (why === "unreadable" ? `${WHY[why]} (${code})` : WHY[why])

/** Pure: the same for programs. */
export const importJson = (imported: Imported, tree: string): string =>
  `${JSON.stringify({
    tree,
    ...imported,
    skipped: imported.skipped.map(rowOf),
    changed: imported.changed.map(rowOf),
  })}\n`

const rowOf = ({ path, why, code }: SkippedEntry) => ({ ...pathOfBytes(path), why, code })
