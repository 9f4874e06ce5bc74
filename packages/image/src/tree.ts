import {
  chmod,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  rm,
  rmdir,
  symlink,
  writeFile,
} from "node:fs/promises"
import { dirname, join } from "node:path"
import { digestOf, digestOfBytes } from "./canonical.ts"
import type { TreeEntry } from "./filter.ts"

/** Every name below `root`, sorted, parents before children; symlinks are not followed. */
export async function listTree(root: string): Promise<readonly TreeEntry[]> {
  const entries: TreeEntry[] = []
  const visit = async (directory: string) => {
    const names = (await readdir(join(root, directory))).sort()
    for (const name of names) {
      const path = directory === "" ? name : `${directory}/${name}`
      const entry = await readEntry(root, path)
      entries.push(entry)
      if (entry.kind === "directory") await visit(path)
    }
  }
  await visit("")
  return entries
}

async function readEntry(root: string, path: string): Promise<TreeEntry> {
  const found = await lstat(join(root, path))
  const mode = found.mode & 0o7777
  if (found.isSymbolicLink()) {
    return { path, kind: "symlink", mode: 0o777, target: await readlink(join(root, path)) }
  }
  if (found.isDirectory()) return { path, kind: "directory", mode }
  return { path, kind: found.isFile() ? "file" : "other", mode }
}

/** Makes the tree on disk what `kept` says: all else is removed, modes are set. `kept` is a subset of `entries`. */
export async function reduceTree(
  root: string,
  entries: readonly TreeEntry[],
  kept: readonly TreeEntry[],
): Promise<void> {
  const modes = new Map(kept.map((entry) => [entry.path, entry.mode]))
  // Children first, so that a directory is empty when its turn comes.
  for (const entry of entries.toReversed()) {
    const path = join(root, entry.path)
    const mode = modes.get(entry.path)
    if (mode === undefined) await (entry.kind === "directory" ? rmdir(path) : rm(path))
    else if (mode !== entry.mode) await chmod(path, mode)
  }
}

/** Writes one file of a new tree, with exactly this mode whatever the umask. */
export async function placeFile(
  root: string,
  path: string,
  bytes: string | Uint8Array,
  mode: number,
): Promise<void> {
  await placeDirectory(root, dirname(path), 0o755)
  await writeFile(join(root, path), bytes)
  await chmod(join(root, path), mode)
}

export async function placeDirectory(root: string, path: string, mode: number): Promise<void> {
  const parts = path === "." ? [] : path.split("/")
  for (let length = 1; length <= parts.length; length++) {
    const part = join(root, ...parts.slice(0, length))
    // Only what is made here gets a mode; a parent that is there keeps its own.
    if ((await mkdir(part, { recursive: true })) !== undefined) await chmod(part, 0o755)
  }
  if (mode !== 0o755) await chmod(join(root, path), mode)
}

export async function placeLink(root: string, path: string, target: string): Promise<void> {
  await placeDirectory(root, dirname(path), 0o755)
  await symlink(target, join(root, path))
}

/** For each path a text that is equal only for equal entries: kind, mode, contents. */
export type Manifest = Readonly<Record<string, string>>

export async function manifestOf(root: string, entries: readonly TreeEntry[]): Promise<Manifest> {
  const manifest: Record<string, string> = {}
  for (const entry of entries) manifest[entry.path] = await fingerprint(root, entry)
  return manifest
}

/** What is in `entries` and not just so in the layer below, with the directories that lead there. */
export async function subtractLayer(
  root: string,
  entries: readonly TreeEntry[],
  below: Manifest,
): Promise<readonly TreeEntry[]> {
  const needed = new Set<string>()
  for (const entry of entries) {
    const lower = below[entry.path]
    if (lower !== undefined && lower === (await fingerprint(root, entry))) continue
    needed.add(entry.path)
    for (let parent = dirname(entry.path); parent !== "."; parent = dirname(parent)) needed.add(parent)
  }
  return entries.filter((entry) => needed.has(entry.path))
}

async function fingerprint(root: string, entry: TreeEntry): Promise<string> {
  switch (entry.kind) {
    case "file":
      return digestOf([entry.mode, digestOfBytes(await readFile(join(root, entry.path)))])
    case "symlink":
      return `-> ${entry.target}`
    case "directory":
      return `/ ${entry.mode.toString(8)}`
    case "other":
      return "other"
  }
}
