import { FileError, type FileTree } from "../../file-tree.ts"
import { StoreError } from "../object-store.ts"

const METHODS = [
  "root",
  "walk",
  "reclaim",
  "hold",
  "release",
  "attributes",
  "setAttributes",
  "open",
  "create",
  "makeDirectory",
  "makeSymlink",
  "readSymlink",
  "rename",
  "remove",
  "read",
  "write",
  "readDirectory",
  "synchronise",
  "close",
  "getAttribute",
  "listAttributes",
  "setAttribute",
  "removeAttribute",
  "space",
  "commit",
] as const satisfies readonly (keyof FileTree)[]

/** The tree, with what its store fails with in the words of files: a client learns that its disk is full or broken. */
export function guardedTree(tree: FileTree): FileTree {
  const guarded: Partial<Record<keyof FileTree, unknown>> = {}
  for (const method of METHODS) {
    const act = tree[method].bind(tree) as (...parameters: readonly unknown[]) => unknown
    guarded[method] = (...parameters: readonly unknown[]) => {
      try {
        return act(...parameters)
      } catch (error) {
        throw asFileError(error)
      }
    }
  }
  return guarded as FileTree
}

function asFileError(error: unknown): unknown {
  if (error instanceof StoreError) {
    return new FileError(error.code === "no-space" ? "ENOSPC" : "EIO", error.message, { cause: error })
  }
  if (error instanceof FileError || !(error instanceof Error) || !("code" in error)) return error
  const isFull = error.code === "ENOSPC" || error.code === "EDQUOT"
  return new FileError(isFull ? "ENOSPC" : "EIO", error.message, { cause: error })
}
