/** A path inside the directory, without "." and empty parts; what would leave the directory names no file there. */
export function resolvePath(path: string): string {
  if (path.startsWith("/")) return path
  const parts: string[] = []
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue
    if (part !== "..") parts.push(part)
    else if (parts.pop() === undefined) return path
  }
  return parts.join("/")
}

const prefixOf = (directory: string) => (directory === "" ? "" : `${directory}/`)

export function isDirectory(files: ReadonlyMap<string, string>, path: string): boolean {
  const prefix = prefixOf(path)
  for (const name of files.keys()) if (name.startsWith(prefix)) return true
  return false
}

/** Names of the files that lie in the directory itself, in the order of their bytes. */
export function childrenOf(files: ReadonlyMap<string, string>, directory: string): string[] {
  const prefix = prefixOf(directory)
  const names: string[] = []
  for (const path of files.keys()) {
    const name = path.slice(prefix.length)
    if (path.startsWith(prefix) && !name.includes("/")) names.push(name)
  }
  return names.sort(compareBytes)
}

export const compareBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))

/** The files of a directory and what lies below it, by their paths from there. */
export function filesUnder(
  files: ReadonlyMap<string, string>,
  directory: string,
): ReadonlyMap<string, string> {
  const prefix = prefixOf(directory)
  return new Map(
    [...files].flatMap(([path, text]) =>
      path.startsWith(prefix) ? [[path.slice(prefix.length), text]] : [],
    ),
  )
}
