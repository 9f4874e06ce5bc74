import { quoted } from "@skerry/model"
import { childrenOf, compareBytes } from "./path.ts"

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

export interface CompatibleFile {
  readonly name: string
  readonly service: string
  /** "*": any. */
  readonly argument: string
}

/** Files as R4.0 had them, SERVICE or SERVICE+ARGUMENT, in the order in which they count. */
export function compatibleFiles(names: Iterable<string>): readonly CompatibleFile[] {
  const files: CompatibleFile[] = []
  for (const name of names) {
    const isIgnored = !/^[A-Za-z0-9_+-][A-Za-z0-9_.+-]*$/.test(name) || /\.(?:rpmsave|rpmnew|swp)$/.test(name)
    if (isIgnored) continue
    const plus = name.indexOf("+")
    if (plus < 0) files.push({ name, service: name, argument: "*" })
    else files.push({ name, service: name.slice(0, plus), argument: name.slice(plus) })
  }
  const isAny = ({ argument }: CompatibleFile) => Number(argument === "*")
  return files.sort(
    (a, b) =>
      compareBytes(a.service, b.service) || isAny(a) - isAny(b) || compareBytes(a.argument, b.argument),
  )
}
