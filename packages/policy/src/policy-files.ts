import { quoted } from "@skerry/model"
import { childrenOf } from "./path.ts"

const SUFFIX = ".policy"

/** What a file's name in a directory of policies means: another suffix, or a dot in front, leaves it alone. */
export function isPolicyFile(name: string): "used" | "ignored" | { readonly problem: string } {
  if (!name.endsWith(SUFFIX) || name.startsWith(".")) return "ignored"
  if (/^[0-9a-z_.-]+$/.test(name)) return "used"
  return {
    problem: `The name ${quoted(name)} cannot be used: a policy's name has digits, lower-case letters, "_", "." and "-" only`,
  }
}

/** The policies of the directory itself, in their order. */
export function topFiles(
  files: ReadonlyMap<string, string>,
  report: (file: string, message: string) => void,
): string[] {
  return childrenOf(files, "").filter((name) => {
    const found = isPolicyFile(name)
    if (typeof found === "object") report(name, found.problem)
    return found === "used"
  })
}

/** One directory of several: of files with the same path, the first directory's counts. */
export function mergeDirectories(
  directories: readonly ReadonlyMap<string, string>[],
): ReadonlyMap<string, string> {
  const merged = new Map<string, string>()
  for (const directory of directories) {
    for (const [path, text] of directory) if (!merged.has(path)) merged.set(path, text)
  }
  return merged
}
