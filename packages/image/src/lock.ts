import { canonicalJson } from "./canonical.ts"
import { ImageError } from "./errors.ts"
import { LIMITS } from "./limits.ts"

/** One package as it was resolved: everything needed to get exactly the same bytes again. */
export interface LockedPackage {
  readonly name: string
  readonly version: string
  readonly architecture: string
  readonly sha256: string
  readonly size: number
  /** The suite whose archive has it, such as "bookworm-security". */
  readonly archive: string
  /** Path below the archive's address. */
  readonly file: string
}

/** What one root file system is made of. `request` is what was asked: where it changes, the lock is stale. */
export interface LockSection {
  readonly request: PackageRequest
  readonly packages: readonly LockedPackage[]
}

export interface PackageRequest {
  readonly kind: "debian"
  readonly suite: string
  readonly mirror: string
  readonly components: readonly string[]
  readonly packages: readonly string[]
}

export interface Lock {
  readonly version: 1
  /** The guest's kernel, C library and shell. */
  readonly base: LockSection
  readonly applications: Readonly<Record<string, LockSection>>
  /** SHA-256 of the programs that come with Skerry itself. */
  readonly programs: Readonly<Record<ProgramName, string>>
}
export const PROGRAM_NAMES = ["node", "koffi", "lmdb"] as const
export type ProgramName = (typeof PROGRAM_NAMES)[number]

/** Sorted keys and two spaces: two equal locks are equal bytes, and a difference reads well in a diff. */
export function formatLock(lock: Lock): string {
  return `${JSON.stringify(JSON.parse(canonicalJson(lock)), null, 2)}\n`
}

/** Throws ImageError "bad-lock"; `where` is the file's path, for the message. */
export function parseLock(untrustedText: string, where: string): Lock {
  const bad = (what: string): never => {
    throw new ImageError(
      "bad-lock",
      `Cannot use ${where}: ${what}; restore it, or make a new one with "skerry build --update"`,
    )
  }
  if (untrustedText.length > LIMITS.recordBytes) return bad("it is too long")
  let untrusted: unknown
  try {
    untrusted = JSON.parse(untrustedText)
  } catch (error) {
    return bad(error instanceof Error ? error.message : "it is no JSON")
  }
  const root = record(untrusted, "the file", bad)
  if (root.version !== 1) bad(`its version is ${JSON.stringify(root.version)}, expected 1`)
  const programs = record(root.programs, "programs", bad)
  return {
    version: 1,
    base: parseSection(root.base, "base", bad),
    applications: Object.fromEntries(
      Object.entries(record(root.applications, "applications", bad)).map(([name, section]) => [
        name,
        parseSection(section, `applications.${name}`, bad),
      ]),
    ),
    programs: {
      node: match(programs.node, SHA256, "programs.node", bad),
      koffi: match(programs.koffi, SHA256, "programs.koffi", bad),
      lmdb: match(programs.lmdb, SHA256, "programs.lmdb", bad),
    },
  }
}

type Bad = (what: string) => never
const SHA256 = /^[0-9a-f]{64}$/
export const PACKAGE_NAME = /^[a-z0-9][a-z0-9+.-]{0,127}$/
const VERSION = /^[0-9A-Za-z.+:~-]{1,128}$/
const SUITE = /^[a-z0-9][a-z0-9./-]{0,63}$/
/** No component is "..", and nothing reads as an option or another host. */
const FILE = /^(?!.*(?:^|\/)\.\.(?:\/|$))[A-Za-z0-9_][A-Za-z0-9_.+~%:/-]{0,511}$/

function parseSection(untrusted: unknown, at: string, bad: Bad): LockSection {
  const section = record(untrusted, at, bad)
  const request = record(section.request, `${at}.request`, bad)
  if (request.kind !== "debian") bad(`${at}.request.kind is not "debian"`)
  const texts = (key: string) =>
    list(request[key], `${at}.request.${key}`, bad).map((item) =>
      typeof item === "string" ? item : bad(`${at}.request.${key} has something that is no text`),
    )
  return {
    request: {
      kind: "debian",
      suite: match(request.suite, SUITE, `${at}.request.suite`, bad),
      mirror: match(request.mirror, /^[^\s]{1,512}$/, `${at}.request.mirror`, bad),
      components: texts("components"),
      packages: texts("packages"),
    },
    packages: list(section.packages, `${at}.packages`, bad).map((item, index) =>
      parsePackage(item, `${at}.packages[${index}]`, bad),
    ),
  }
}

function parsePackage(untrusted: unknown, at: string, bad: Bad): LockedPackage {
  const entry = record(untrusted, at, bad)
  const size = entry.size
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size <= 0)
    return bad(`${at}.size is no size`)
  return {
    name: match(entry.name, PACKAGE_NAME, `${at}.name`, bad),
    version: match(entry.version, VERSION, `${at}.version`, bad),
    architecture: match(entry.architecture, /^[a-z0-9]{2,16}$/, `${at}.architecture`, bad),
    sha256: match(entry.sha256, SHA256, `${at}.sha256`, bad),
    size,
    archive: match(entry.archive, SUITE, `${at}.archive`, bad),
    file: match(entry.file, FILE, `${at}.file`, bad),
  }
}

function record(untrusted: unknown, at: string, bad: Bad): Readonly<Record<string, unknown>> {
  if (untrusted === null || typeof untrusted !== "object" || Array.isArray(untrusted)) {
    return bad(`${at} is no object`)
  }
  return untrusted as Readonly<Record<string, unknown>>
}

function list(untrusted: unknown, at: string, bad: Bad): readonly unknown[] {
  return Array.isArray(untrusted) ? untrusted : bad(`${at} is no list`)
}

function match(untrusted: unknown, pattern: RegExp, at: string, bad: Bad): string {
  if (typeof untrusted !== "string" || !pattern.test(untrusted)) {
    return bad(`${at} is ${String(JSON.stringify(untrusted)).slice(0, 80)}`)
  }
  return untrusted
}
