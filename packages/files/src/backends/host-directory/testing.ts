import { constants, mkdtempSync, openSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { openLinux } from "@skerry/linux"
import { listEntries } from "../../entry-list.ts"
import type { FileTree, OpenMode, TreeNode } from "../../file-tree.ts"
import { HostDirectory } from "./host-directory.ts"

interface Cleanup {
  after(action: () => void): void
}

const calls = openLinux().fileCalls()

/** A folder of its own for one test, below which everything that the test makes lies. */
export function folderFor(t: Cleanup): string {
  const path = mkdtempSync(join(tmpdir(), "skerry-host-directory-"))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

export function openTree(
  path: string,
  access: "read" | "write" = "write",
  mostDescriptors = 15_000,
): HostDirectory {
  const root = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY)
  return new HostDirectory({ calls, root, access, mostDescriptors, uid: process.getuid?.() ?? -1 })
}

export function openHostDirectory(t: Cleanup, path: string, access: "read" | "write" = "write") {
  const tree = openTree(path, access)
  const node = tree.root()
  // The tree's own hold goes with it.
  t.after(() => {
    tree.release(node)
    tree.release(node)
  })
  return { tree, root: node }
}

const NONE: OpenMode = { read: false, write: false, append: false, truncate: false, exclusive: false }
export const READ: OpenMode = { ...NONE, read: true }
export const WRITE: OpenMode = { ...NONE, read: true, write: true }

export function readWhole(tree: FileTree, node: TreeNode): string {
  const file = tree.open(node, READ)
  const target = Buffer.alloc(64 * 1024)
  try {
    return target.toString("latin1", 0, tree.read(file, target, 0))
  } finally {
    tree.close(file)
  }
}

export function listNames(tree: FileTree, node: TreeNode, most = 100): string[] {
  const directory = tree.open(node, READ)
  const names: string[] = []
  try {
    for (let cursor = 0n; ; ) {
      const entries = listEntries(tree, directory, cursor, most)
      const last = entries.at(-1)
      if (last === undefined) return names
      names.push(...entries.map(({ name }) => String(name)))
      cursor = last.cursor
    }
  } finally {
    tree.close(directory)
  }
}
