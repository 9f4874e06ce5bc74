import { dirname, posix } from "node:path"

export type EntryKind = "file" | "directory" | "symlink" | "other"

/** One name in a root file system; `path` has no leading slash and no "..". */
export interface TreeEntry {
  readonly path: string
  readonly kind: EntryKind
  /** Permission bits, setuid, setgid and sticky included. */
  readonly mode: number
  /** Of a symlink. */
  readonly target?: string
}

export interface FilterRules {
  /** The packages that own each path; a path without any was made by a maintainer script. */
  readonly owners: ReadonlyMap<string, readonly string[]>
  readonly keep: ReadonlySet<string>
  readonly documentation: boolean
  readonly locales: readonly string[]
}

/** Not part of an image: what the kernel, the agent or the domain provides, and what only an installer needs. */
const DROPPED = [
  "boot",
  "dev",
  "proc",
  "run",
  "sys",
  "tmp",
  "etc/.pwd.lock",
  "etc/apt",
  "etc/cron.d",
  "etc/cron.daily",
  "etc/cron.weekly",
  "etc/dpkg",
  "etc/fstab",
  "etc/group-",
  "etc/gshadow",
  "etc/gshadow-",
  "etc/hostname",
  "etc/init.d",
  "etc/kernel",
  "etc/logrotate.d",
  "etc/machine-id",
  "etc/mtab",
  "etc/pam.d",
  "etc/passwd-",
  "etc/rc0.d",
  "etc/rc1.d",
  "etc/rc2.d",
  "etc/rc3.d",
  "etc/rc4.d",
  "etc/rc5.d",
  "etc/rc6.d",
  "etc/rcS.d",
  "etc/resolv.conf",
  "etc/security",
  "etc/shadow",
  "etc/shadow-",
  "etc/subgid",
  "etc/subgid-",
  "etc/subuid",
  "etc/subuid-",
  "usr/share/bash-completion",
  "usr/share/bug",
  "usr/share/doc-base",
  "usr/share/linda",
  "usr/share/lintian",
  "usr/share/menu",
  "usr/share/pixmaps/debian-logo.png",
  "var/backups",
  "var/cache",
  "var/lib/apt",
  "var/lib/dpkg",
  "var/lib/pam",
  "var/lib/systemd",
  "var/lib/ucf",
  "var/log",
  "var/lib/shells.state",
]
const DOCUMENTATION = [
  "usr/share/doc",
  "usr/share/gtk-doc",
  "usr/share/help",
  "usr/share/info",
  "usr/share/man",
]
const LOCALES = "usr/share/locale"

const SETID = 0o6000

/** The entries of an application's image, in the given order, without setuid and setgid bits. Pure. */
export function filterTree(entries: readonly TreeEntry[], rules: FilterRules): readonly TreeEntry[] {
  const files = entries.filter(
    (entry) => entry.kind !== "directory" && entry.kind !== "other" && isWanted(entry.path, rules),
  )
  const kept = withoutDangling(files, entries, rules)
  const directories = new Set<string>()
  for (const path of kept) {
    for (let parent = dirname(path); parent !== "."; parent = dirname(parent)) directories.add(parent)
  }
  return entries
    .filter((entry) =>
      entry.kind === "directory"
        ? directories.has(entry.path) || (isOwned(entry.path, rules) && isWanted(entry.path, rules))
        : kept.has(entry.path),
    )
    .map((entry) => (entry.mode & SETID ? { ...entry, mode: entry.mode & ~SETID } : entry))
}

function isWanted(path: string, rules: FilterRules): boolean {
  if (DROPPED.some((tree) => isWithin(path, tree))) return false
  if (!rules.documentation && DOCUMENTATION.some((tree) => isWithin(path, tree))) return false
  if (path.startsWith(`${LOCALES}/`) && !isLocaleWanted(path, rules.locales)) return false
  return !rules.owners.has(path) || isOwned(path, rules)
}

function isOwned(path: string, rules: FilterRules): boolean {
  return rules.owners.get(path)?.some((name) => rules.keep.has(name)) ?? false
}

/** "de" keeps de, de_AT and de@euro. */
function isLocaleWanted(path: string, locales: readonly string[]): boolean {
  const name = path.slice(LOCALES.length + 1).split("/", 1)[0] ?? ""
  return locales.some(
    (locale) => name === locale || (name.startsWith(locale) && /^[_@.]/.test(name.slice(locale.length))),
  )
}

/** Alternatives and the like that lead to something which was dropped go too. */
function withoutDangling(
  files: readonly TreeEntry[],
  entries: readonly TreeEntry[],
  rules: FilterRules,
): Set<string> {
  const kept = new Set(files.map((entry) => entry.path))
  const before = new Set(entries.map((entry) => entry.path))
  const aliases = aliasesOf(entries)
  const links = files.flatMap((entry) =>
    entry.target === undefined || rules.owners.has(entry.path)
      ? []
      : [{ path: entry.path, target: resolveLink(entry.path, entry.target, aliases) }],
  )
  for (let size = -1; size !== kept.size; ) {
    size = kept.size
    for (const { path, target } of links) {
      const wasDropped = before.has(target) && !kept.has(target) && !hasKeptBelow(kept, target)
      if (wasDropped) kept.delete(path)
    }
  }
  return kept
}

function hasKeptBelow(kept: ReadonlySet<string>, directory: string): boolean {
  for (const path of kept) if (path.startsWith(`${directory}/`)) return true
  return false
}

/** The links of a merged /usr: bin → usr/bin and so on. */
export function aliasesOf(entries: readonly TreeEntry[]): ReadonlyMap<string, string> {
  return new Map(
    entries.flatMap((entry) =>
      entry.target !== undefined && /^usr\/[a-z0-9]+$/.test(entry.target) && !entry.path.includes("/")
        ? [[entry.path, entry.target] as const]
        : [],
    ),
  )
}

/** `bin/sh` → `usr/bin/sh` where bin is a link. */
export function unaliased(path: string, aliases: ReadonlyMap<string, string>): string {
  const slash = path.indexOf("/")
  const target = slash > 0 ? aliases.get(path.slice(0, slash)) : undefined
  return target === undefined ? path : target + path.slice(slash)
}

function resolveLink(path: string, target: string, aliases: ReadonlyMap<string, string>): string {
  const absolute = target.startsWith("/") ? target : posix.join("/", dirname(path), target)
  return unaliased(posix.normalize(absolute).slice(1), aliases)
}

function isWithin(path: string, tree: string): boolean {
  return path === tree || path.startsWith(`${tree}/`)
}

/** From the lists in /var/lib/dpkg/info: `coreutils.list`, `libc6:amd64.list`. */
export function ownersOf(
  lists: Iterable<readonly [file: string, text: string]>,
  aliases: ReadonlyMap<string, string>,
): ReadonlyMap<string, readonly string[]> {
  const owners = new Map<string, string[]>()
  for (const [file, text] of lists) {
    const name = file.replace(/(:[a-z0-9]+)?\.list$/, "")
    for (const line of text.split("\n")) {
      if (line === "" || line === "/.") continue
      const path = unaliased(line.slice(1), aliases)
      const names = owners.get(path)
      if (names === undefined) owners.set(path, [name])
      else names.push(name)
    }
  }
  return owners
}
