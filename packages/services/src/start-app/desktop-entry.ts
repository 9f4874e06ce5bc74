/** What a desktop entry says of how to run it. */
export interface DesktopEntry {
  readonly command: readonly string[]
  /** Undefined: wherever it is started. */
  readonly directory: string | undefined
}

/** A desktop entry that cannot be started; `message` says why. */
export class DesktopEntryError extends Error {
  override readonly name = "DesktopEntryError"
  readonly code = "bad-entry"
}

/** The group [Desktop Entry] alone; actions and translations are not looked at. Throws DesktopEntryError. */
export function parseDesktopEntry(text: string): DesktopEntry {
  const keys = new Map<string, string>()
  let isInside = false
  for (const line of text.split("\n")) {
    if (line.startsWith("[")) isInside = line.trim() === "[Desktop Entry]"
    const [, key, value] = /^([A-Za-z-]+)\s*=\s*(.*?)\s*$/.exec(line) ?? []
    if (isInside && key !== undefined && value !== undefined && !keys.has(key)) keys.set(key, value)
  }
  if (keys.get("Hidden") === "true") throw new DesktopEntryError("It is hidden, as if it were not installed")
  const exec = keys.get("Exec")
  if (exec === undefined) throw new DesktopEntryError("It says no command")
  return { command: splitExec(unescapeValue(exec)), directory: keys.get("Path") || undefined }
}

const ESCAPES: Readonly<Record<string, string>> = { s: " ", n: "\n", t: "\t", r: "\r", "\\": "\\" }

const unescapeValue = (value: string) =>
  value.replace(/\\(.)/g, (whole, letter: string) => ESCAPES[letter] ?? whole)

/** Words by the specification's quoting; what stands for files, links, icon and name is left out, as there are none. */
function splitExec(exec: string): readonly string[] {
  const words: string[] = []
  const pattern = /\s*(?:"((?:[^"\\]|\\.)*)"|([^\s"]+))/gy
  let end = 0
  for (let found = pattern.exec(exec); found !== null; found = pattern.exec(exec)) {
    const [, inQuotes, plain = ""] = found
    end = pattern.lastIndex
    if (inQuotes !== undefined) words.push(withoutCodes(inQuotes.replace(/\\(.)/g, "$1")))
    else if (!FIELD_CODE.test(plain)) words.push(withoutCodes(plain))
  }
  if (words.length === 0 || words[0] === "" || exec.slice(end).trim() !== "") {
    throw new DesktopEntryError(`Its command cannot be read: ${JSON.stringify(exec.slice(0, 128))}`)
  }
  return words
}

const FIELD_CODE = /^%[A-Za-z]$/

const withoutCodes = (word: string) => word.replace(/%(.)/g, (_, code: string) => (code === "%" ? "%" : ""))
