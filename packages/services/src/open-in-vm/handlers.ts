import { readFileSync } from "node:fs"
import { extname } from "node:path"

/** `PATTERN COMMAND…` on a line: `.pdf`, `text/plain`, `text/*`, `https:` or `*`; `%f` is the file, else it comes last. */
export const HANDLERS_FILE = "/etc/skerry/open-handlers"
const MIME_TYPES_FILE = "/etc/mime.types"

/** Set for what was opened for another domain. */
export const IS_OPENING = "SKERRY_OPENING"

/** The command that opens `subject`; `kind` is a link's scheme ("https:") or a file's name. */
export function handlerFor(subject: string, kind: string): readonly string[] {
  return chooseHandler(subject, kind, readText(HANDLERS_FILE), readText(MIME_TYPES_FILE))
}

/** Pure: the first line that fits, or else xdg-open. */
export function chooseHandler(
  subject: string,
  kind: string,
  handlers: string,
  mimeTypes: string,
): readonly string[] {
  const patterns = new Set(["*", kind])
  if (!kind.endsWith(":")) {
    const suffix = extname(kind).toLowerCase()
    const type = mimeTypeOf(suffix, mimeTypes)
    patterns.delete(kind)
    if (suffix !== "") patterns.add(suffix)
    if (type !== undefined) patterns.add(type).add(type.replace(/\/.*/, "/*"))
  }
  for (const line of handlers.split("\n")) {
    const [pattern = "", ...command] = line.replace(/#.*/, "").trim().split(/\s+/)
    if (command.length === 0 || !patterns.has(pattern.toLowerCase())) continue
    return command.includes("%f")
      ? command.map((word) => (word === "%f" ? subject : word))
      : [...command, subject]
  }
  return ["xdg-open", subject]
}

function mimeTypeOf(suffix: string, mimeTypes: string): string | undefined {
  if (suffix === "") return undefined
  for (const line of mimeTypes.split("\n")) {
    const [type = "", ...suffixes] = line.replace(/#.*/, "").trim().split(/\s+/)
    if (suffixes.includes(suffix.slice(1))) return type
  }
  return undefined
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8")
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return ""
    throw error
  }
}
