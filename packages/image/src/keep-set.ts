/** What a chroot's dpkg says of an installed package. */
export interface InstalledPackage {
  readonly name: string
  readonly version: string
  readonly architecture: string
  readonly depends: readonly string[]
  readonly provides: readonly string[]
}

/** What every application finds in its image, besides its own packages and all that they depend on. */
export const RUNTIME_PACKAGES = [
  "base-files",
  "base-passwd",
  "bash",
  "coreutils",
  "dash",
  "debianutils",
  "diffutils",
  "findutils",
  "grep",
  "gzip",
  "hostname",
  "libc-bin",
  "mawk",
  "ncurses-base",
  "ncurses-bin",
  "sed",
  "tar",
] as const

/** Packages depend on these only to be installed and configured, which is over before the image exists. */
const INSTALLERS = new Set([
  "adduser",
  "apt",
  "cdebconf",
  "debconf",
  "debconf-2.0",
  "dpkg",
  "init-system-helpers",
  "install-info",
  "ucf",
])

/** Reads /var/lib/dpkg/status. */
export function parseStatus(text: string): readonly InstalledPackage[] {
  return text
    .split("\n\n")
    .map(parseStanza)
    .filter((fields) => fields.has("package"))
    .map((fields) => ({
      name: fields.get("package") ?? "",
      version: fields.get("version") ?? "",
      architecture: fields.get("architecture") ?? "",
      depends: [...names(fields.get("pre-depends")), ...names(fields.get("depends"))],
      provides: names(fields.get("provides")),
    }))
}

function parseStanza(text: string): ReadonlyMap<string, string> {
  // A line that begins with a space goes on with the field before it.
  return new Map(
    text
      .replace(/\n[ \t]+/g, " ")
      .split("\n")
      .flatMap((line) => {
        const colon = line.indexOf(":")
        return colon > 0 ? [[line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const] : []
      }),
  )
}

/** `libc6 (>= 2.36), a | b:any` → libc6, a, b: every alternative that is there counts. */
function names(relations: string | undefined): readonly string[] {
  return (relations ?? "").split(/[,|]/).flatMap((part) => /^\s*([a-z0-9][a-z0-9+.-]*)/.exec(part)?.[1] ?? [])
}

/** The packages whose files stay: the run-time ones, the wanted ones, and what they need. Pure. */
export function keepSet(
  installed: readonly InstalledPackage[],
  wanted: readonly string[],
): ReadonlySet<string> {
  const byName = new Map<string, InstalledPackage[]>()
  for (const item of installed) {
    for (const name of [item.name, ...item.provides]) {
      byName.set(name, [...(byName.get(name) ?? []), item])
    }
  }
  const kept = new Set<string>()
  const queue = [...RUNTIME_PACKAGES, ...wanted]
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    for (const item of byName.get(name) ?? []) {
      if (kept.has(item.name)) continue
      kept.add(item.name)
      queue.push(...item.depends.filter((needed) => !INSTALLERS.has(needed)))
    }
  }
  return kept
}
