import type { VersionRow } from "@skerry/rpc"
import { BackupError } from "./errors.ts"
import { escapeBytes, unescapeBytes } from "./escape.ts"
import { BACKUP_LIMITS } from "./limits.ts"

/*
 * A manifest, unpacked: lines of fields with one space between them (docs/backup.md). Each says what came to the
 * backup; one that begins anew says everything that is there.
 */

export type PartKind = "chunks" | "nodes" | "index" | "files"
const PART_KINDS: readonly PartKind[] = ["chunks", "nodes", "index", "files"]

export interface Part {
  readonly kind: PartKind
  /** SHA-256 of the sealed part: its name. */
  readonly name: string
  readonly bytes: number
  /** Of packs: how many objects. */
  readonly objects: number
}

export interface BackedUpTree {
  readonly tree: string
  /** Oldest first; the last is what was present. */
  readonly versions: readonly VersionRow[]
}

/** One backup, as it can be restored. */
export interface Backup {
  /** From 1; never given to another one. */
  readonly number: number
  /** Milliseconds since 1970. */
  readonly time: number
  readonly skerry: string
  /** Of the configuration as it was evaluated. */
  readonly configuration: string
  /** The part with the configuration directory's files, and the digest of its plain bytes. */
  readonly files: string
  readonly filesDigest: string
  /** Digest of each application's image in the generation that was current. */
  readonly images: readonly { readonly application: string; readonly digest: string }[]
  readonly trees: readonly BackedUpTree[]
}

export interface Manifest {
  /** From 1, without gaps. */
  readonly sequence: number
  /** MAC of the manifest before; undefined: this is the first. */
  readonly previous: string | undefined
  /** Everything that is there, and nothing from before counts. */
  readonly isWhole: boolean
  readonly parts: readonly Part[]
  readonly backups: readonly Backup[]
}

const HEX = "[0-9a-f]{64}"
const NUMBER = "(?:0|[1-9][0-9]{0,15})"
const DIGEST = `sha256:${HEX}`
const NAME = "[a-z][a-z0-9-]{0,30}"
const TEXT = String.raw`(?:[A-Za-z0-9._+,=@-]|\\0[0-7]{3})*`
const REASONS = "manual|stop|interval|before-rollback|rollback|import|restored"

/** Named groups are the fields. */
const LINES = {
  part: new RegExp(
    `^part (?<kind>${PART_KINDS.join("|")}) (?<name>${HEX}) (?<bytes>${NUMBER}) (?<objects>${NUMBER})$`,
  ),
  backup: new RegExp(
    `^backup (?<number>${NUMBER}) (?<time>${NUMBER}) (?<skerry>[0-9A-Za-z.+-]{1,64}) (?<configuration>${DIGEST}) (?<files>${HEX}) (?<filesDigest>${HEX})$`,
  ),
  image: new RegExp(`^image (?<application>${NAME}) (?<digest>${DIGEST})$`),
  tree: new RegExp(`^tree (?<tree>${NAME})$`),
  version: new RegExp(
    `^version (?<version>${NUMBER}) (?<digest>${DIGEST}) (?<time>${NUMBER}) (?<reason>${REASONS}) (?<files>${NUMBER}) (?<bytes>${NUMBER}) note=(?<note>${TEXT})$`,
  ),
} as const

export function manifestText({ sequence, previous, isWhole, parts, backups }: Manifest): string {
  const lines = [
    "skerry-backup-manifest 1",
    `sequence ${sequence}`,
    `previous ${previous ?? "-"}`,
    isWhole ? "whole" : "continues",
  ]
  for (const { kind, name, bytes, objects } of parts) lines.push(`part ${kind} ${name} ${bytes} ${objects}`)
  for (const backup of backups) lines.push(...backupLines(backup))
  return `${lines.join("\n")}\nend\n`
}

function* backupLines(backup: Backup): Generator<string> {
  const { number, time, skerry, configuration, files, filesDigest } = backup
  yield `backup ${number} ${time} ${skerry} ${configuration} ${files} ${filesDigest}`
  for (const { application, digest } of backup.images) yield `image ${application} ${digest}`
  for (const { tree, versions } of backup.trees) {
    yield `tree ${tree}`
    for (const row of versions) {
      const note = escapeBytes(Buffer.from(row.note))
      yield `version ${row.version} ${row.digest} ${row.time} ${row.reason} ${row.files} ${row.bytes} note=${note}`
    }
  }
}

/** Throws BackupError "damaged" or "too-new". */
export function parseManifest(untrustedText: string, what: string): Manifest {
  const lines = untrustedText.split("\n")
  const malformed = (at: number) => new BackupError("damaged", `${what} makes no sense in line ${at + 1}`)
  const [, format] = /^skerry-backup-manifest (\d+)$/.exec(lines[0] ?? "") ?? []
  if (format !== undefined && format !== "1") {
    throw new BackupError("too-new", `${what} has format ${format}; this Skerry reads format 1`)
  }
  const sequence = /^sequence ([1-9][0-9]{0,7})$/.exec(lines[1] ?? "")?.[1]
  const previous = /^previous (-|[0-9a-f]{64})$/.exec(lines[2] ?? "")?.[1]
  const mode = /^(whole|continues)$/.exec(lines[3] ?? "")?.[1]
  if (format === undefined || sequence === undefined || previous === undefined || mode === undefined)
    throw malformed(0)
  if (lines.at(-1) !== "" || lines.at(-2) !== "end") throw malformed(lines.length - 1)
  const parts: Part[] = []
  const backups: Building[] = []
  for (let at = 4; at < lines.length - 2; at++) {
    if (!take(lines[at] ?? "", parts, backups)) throw malformed(at)
  }
  return {
    sequence: Number(sequence),
    previous: previous === "-" ? undefined : previous,
    isWhole: mode === "whole",
    parts,
    backups,
  }
}

type Building = Omit<Backup, "images" | "trees"> & {
  readonly images: { application: string; digest: string }[]
  readonly trees: { readonly tree: string; readonly versions: VersionRow[] }[]
}

function take(line: string, parts: Part[], backups: Building[]): boolean {
  const word = line.slice(0, line.indexOf(" "))
  if (!Object.hasOwn(LINES, word)) return false
  const fields = LINES[word as keyof typeof LINES].exec(line)?.groups
  if (fields === undefined) return false
  const text = (name: string) => fields[name] ?? ""
  const number = (name: string) => Number(fields[name])
  const backup = backups.at(-1)
  switch (word as keyof typeof LINES) {
    case "part":
      parts.push({
        kind: text("kind") as PartKind,
        name: text("name"),
        bytes: number("bytes"),
        objects: number("objects"),
      })
      return parts.length <= BACKUP_LIMITS.parts
    case "backup":
      backups.push({
        number: number("number"),
        time: number("time"),
        skerry: text("skerry"),
        configuration: text("configuration"),
        files: text("files"),
        filesDigest: text("filesDigest"),
        images: [],
        trees: [],
      })
      return true
    case "image":
      return (
        backup !== undefined &&
        backup.images.push({ application: text("application"), digest: text("digest") }) > 0
      )
    case "tree":
      if (backup === undefined || backup.trees.some(({ tree }) => tree === text("tree"))) return false
      return backup.trees.push({ tree: text("tree"), versions: [] }) > 0
    case "version": {
      const note = unescapeBytes(text("note"))?.toString("utf8")
      const tree = backup?.trees.at(-1)
      if (tree === undefined || note === undefined) return false
      tree.versions.push({
        version: number("version"),
        digest: text("digest"),
        time: number("time"),
        reason: text("reason") as VersionRow["reason"],
        files: number("files"),
        bytes: number("bytes"),
        note,
      })
      return tree.versions.length <= BACKUP_LIMITS.versions
    }
  }
}
