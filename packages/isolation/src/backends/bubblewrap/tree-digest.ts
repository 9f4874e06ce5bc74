import { createHash, type Hash } from "node:crypto"
import { createReadStream } from "node:fs"
import { lstat, readdir, readFile, readlink } from "node:fs/promises"
import { join } from "node:path"

/** Files up to this size are read whole; larger ones in pieces. */
const WHOLE_FILE_BYTES = 1 << 20

/**
 * A digest over everything in a tree that a domain could see: paths, kinds, modes, owners, contents, link targets.
 * Times are not in it. Entries are visited in the order of their names, each as fields that end in NUL.
 * Throws for what no image has: devices, sockets, pipes, setuid programs.
 */
export async function treeDigest(root: string, signal: AbortSignal): Promise<string> {
  const hash = createHash("sha256")
  await addDirectory(hash, root, "", signal)
  return `sha256:${hash.digest("hex")}`
}

async function addDirectory(hash: Hash, root: string, path: string, signal: AbortSignal): Promise<void> {
  const names = await readdir(join(root, path), { encoding: "buffer" })
  for (const name of names.toSorted(Buffer.compare)) {
    signal.throwIfAborted()
    await addEntry(hash, root, join(path, decodeName(name)), signal)
  }
}

function decodeName(name: Buffer): string {
  const text = name.toString("utf8")
  if (!Buffer.from(text, "utf8").equals(name))
    throw new Error(`the name ${name.toString("hex")} (hex) is not UTF-8`)
  return text
}

async function addEntry(hash: Hash, root: string, path: string, signal: AbortSignal): Promise<void> {
  const full = join(root, path)
  const stat = await lstat(full)
  const kind = stat.isDirectory() ? "d" : stat.isFile() ? "f" : stat.isSymbolicLink() ? "l" : undefined
  if (kind === undefined) throw new Error(`${path} is neither file, directory nor link`)
  if ((stat.mode & 0o6000) !== 0) throw new Error(`${path} is setuid or setgid`)
  hash.update(`${kind}\0${path}\0${(stat.mode & 0o7777).toString(8)}\0${stat.uid}:${stat.gid}\0`)
  if (kind === "d") return await addDirectory(hash, root, path, signal)
  if (kind === "l") {
    hash.update(await readlink(full, { encoding: "buffer" })).update("\0")
    return
  }
  hash.update(`${stat.size}\0`)
  if (stat.size <= WHOLE_FILE_BYTES) {
    hash.update(await readFile(full, { signal }))
    return
  }
  for await (const piece of createReadStream(full, { highWaterMark: WHOLE_FILE_BYTES, signal })) {
    hash.update(piece as Buffer)
  }
}
