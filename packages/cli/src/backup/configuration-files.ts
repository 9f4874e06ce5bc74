import { createHash } from "node:crypto"
import { constants } from "node:fs"
import { chmod, lstat, lutimes, mkdir, open, readdir, readlink, symlink, utimes } from "node:fs/promises"
import { BackupError } from "./errors.ts"
import { BACKUP_LIMITS } from "./limits.ts"
import { readTar, TAR_END, TAR_END_BYTES, type TarEntry, tarPieces, tarRoom } from "./tar.ts"

/*
 * The configuration directory as a tar: files, folders and links that stay within it. Names are bytes, kept in strings
 * of one character for each ("latin1").
 */

export interface ConfigurationFiles {
  readonly tar: Buffer
  /** SHA-256 of the tar, in hexadecimal digits. */
  readonly digest: string
  /** Paths that were left out, with the reason. */
  readonly leftOut: readonly string[]
}

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_WRONLY, O_CREAT, O_EXCL } = constants
const bytesOf = (path: string) => Buffer.from(path, "latin1")

/** Throws BackupError "too-large" or "io". */
export async function collectConfiguration(directory: string): Promise<ConfigurationFiles> {
  const collector = new Collector(directory)
  await collector.folder([])
  const tar = Buffer.concat([...collector.pieces, TAR_END])
  return { tar, digest: createHash("sha256").update(tar).digest("hex"), leftOut: collector.leftOut }
}

class Collector {
  readonly pieces: Uint8Array[] = []
  readonly leftOut: string[] = []
  readonly #directory: string
  #files = 0
  #bytes = TAR_END_BYTES

  constructor(directory: string) {
    this.#directory = directory
  }

  async folder(names: readonly string[]): Promise<void> {
    const found = await readdir(this.#host(names), { encoding: "latin1" })
    for (const name of found.sort()) await this.#entry([...names, name])
  }

  async #entry(names: readonly string[]): Promise<void> {
    const shown = names.join("/")
    if (names.length > BACKUP_LIMITS.configurationDepth || shown.length > BACKUP_LIMITS.pathBytes) {
      throw new BackupError("too-large", `Cannot back up ${shown} of the configuration: it lies too deep`)
    }
    const path = this.#host(names)
    const found = await lstat(path)
    const common = { path: bytesOf(shown), mode: found.mode & 0o777, modifyTime: found.mtimeMs / 1000 }
    const none = new Uint8Array()
    if (found.isDirectory()) {
      this.#add({ ...common, kind: "directory", content: none })
      return this.folder(names)
    }
    if (found.isSymbolicLink()) {
      const target = await readlink(path, { encoding: "buffer" })
      if (staysWithin(names, target)) return this.#add({ ...common, kind: "symlink", target, content: none })
      this.leftOut.push(`${shown}: a link that leads out of the configuration`)
      return
    }
    if (!found.isFile()) {
      this.leftOut.push(`${shown}: neither file, folder nor link`)
      return
    }
    this.#add({ ...common, kind: "file", content: await readFileOf(path) })
  }

  #add(entry: TarEntry): void {
    this.#files += 1
    this.#bytes += tarRoom(entry.content.length) + 3 * 512
    if (this.#files > BACKUP_LIMITS.configurationFiles || this.#bytes > BACKUP_LIMITS.plainBytes) {
      throw new BackupError(
        "too-large",
        `Cannot back up the configuration: it has more than ${BACKUP_LIMITS.configurationFiles} files, or ${BACKUP_LIMITS.plainBytes} bytes. What is no part of it (node_modules, .git) belongs elsewhere`,
      )
    }
    this.pieces.push(...tarPieces(entry))
  }

  #host(names: readonly string[]): Buffer {
    return Buffer.concat([
      Buffer.from(this.#directory),
      ...names.flatMap((name) => [Buffer.from("/"), bytesOf(name)]),
    ])
  }
}

async function readFileOf(path: Buffer): Promise<Buffer> {
  await using handle = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  if ((await handle.stat()).size > BACKUP_LIMITS.plainBytes) {
    throw new BackupError(
      "too-large",
      `Cannot back up ${path.toString()}: it is too large for a configuration`,
    )
  }
  return handle.readFile()
}

/** Whether a link at this place leads to something in the same directory, by its text alone. */
function staysWithin(names: readonly string[], target: Uint8Array): boolean {
  const text = Buffer.from(target).toString("latin1")
  if (text === "" || text.startsWith("/") || text.includes("\0")) return false
  let depth = names.length - 1
  for (const part of text.split("/")) {
    if (part === "..") depth -= 1
    else if (part !== "" && part !== ".") depth += 1
    if (depth < 0) return false
  }
  return true
}

export interface ConfigurationEntry extends Omit<TarEntry, "path"> {
  readonly names: readonly string[]
}

/**
 * Everything in a tar of a configuration, checked as a whole: names of one component each, every folder before what lies
 * in it, nothing twice, no link that leads out. Throws BackupError "unsafe", "damaged" or "too-large".
 */
export function readConfiguration(untrustedTar: Buffer): readonly ConfigurationEntry[] {
  const what = "The configuration in the backup"
  const entries: ConfigurationEntry[] = []
  const kinds = new Map<string, TarEntry["kind"]>()
  for (const { path: untrustedPath, ...entry } of readTar(untrustedTar, what)) {
    const path = Buffer.from(untrustedPath).toString("latin1")
    const names = path.split("/")
    const unsafe = (why: string) =>
      new BackupError("unsafe", `${what} has the path ${JSON.stringify(path.slice(0, 200))}: ${why}`)
    if (names.some((name) => name === "" || name === "." || name === ".." || name.includes("\0"))) {
      throw unsafe("it leads out of the configuration")
    }
    if (names.length > BACKUP_LIMITS.configurationDepth || path.length > BACKUP_LIMITS.pathBytes)
      throw unsafe("it is too long")
    if (names.some((name) => name.length > 255)) throw unsafe("a name in it is too long")
    if (kinds.has(path)) throw unsafe("it is there twice")
    const parent = names.slice(0, -1).join("/")
    if (parent !== "" && kinds.get(parent) !== "directory") throw unsafe("what it lies in is no folder")
    if (entry.kind === "symlink" && !staysWithin(names, entry.target ?? new Uint8Array())) {
      throw unsafe("it is a link that leads out of the configuration")
    }
    kinds.set(path, entry.kind)
    entries.push({ ...entry, names })
    if (entries.length > BACKUP_LIMITS.configurationFiles)
      throw new BackupError("too-large", `${what} has too many files`)
  }
  return entries
}

/** Into a new directory, that nobody else can reach meanwhile; links come last, so that nothing is written through one. */
export async function writeConfiguration(
  directory: string,
  entries: readonly ConfigurationEntry[],
): Promise<void> {
  await mkdir(directory, { mode: 0o700 })
  const at = ({ names }: ConfigurationEntry) =>
    Buffer.concat([Buffer.from(`${directory}/`), bytesOf(names.join("/"))])
  for (const entry of entries) {
    if (entry.kind === "directory") await mkdir(at(entry), { mode: 0o700 })
    if (entry.kind === "file") await writeFileOf(at(entry), entry)
  }
  for (const entry of entries) {
    if (entry.kind !== "symlink") continue
    await symlink(Buffer.from(entry.target ?? []), at(entry))
    await lutimes(at(entry), entry.modifyTime, entry.modifyTime)
  }
  // From the inside out: a folder's time changes with its entries, and one may be read-only.
  for (const entry of entries.toReversed()) {
    if (entry.kind !== "directory") continue
    await chmod(at(entry), entry.mode & 0o755)
    await utimes(at(entry), entry.modifyTime, entry.modifyTime)
  }
}

/** Others never get the right to write, whatever the backup says: the configuration decides what runs. */
async function writeFileOf(path: Buffer, { content, mode, modifyTime }: ConfigurationEntry): Promise<void> {
  await using handle = await open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
  await handle.writeFile(content)
  await handle.chmod(mode & 0o755)
  await handle.utimes(modifyTime, modifyTime)
  await handle.sync()
}
