import { readFileSync } from "node:fs"

/** Names that a domain gives its ports: `NAME PORT` on a line, "#" begins a comment. */
export const PORT_NAMES_FILE = "/etc/skerry/connect-ports"

/** A number from 1 to 65535, or a name of the table; undefined: neither. */
export function findPort(untrustedPort: string, table: string): number | undefined {
  if (/^[1-9]\d{0,4}$/.test(untrustedPort)) {
    const port = Number(untrustedPort)
    return port <= 65_535 ? port : undefined
  }
  for (const line of table.split("\n")) {
    const [, name, port = ""] = /^\s*([A-Za-z][A-Za-z0-9_.-]{0,63})\s+(\d{1,5})\s*(?:#.*)?$/.exec(line) ?? []
    if (name === untrustedPort) return findPort(port, "")
  }
  return undefined
}

export function readPortNames(path: string): string {
  try {
    return readFileSync(path, "utf8")
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return ""
    throw error
  }
}
