import { changeEntries } from "./directory-trie.ts"
import type { Entry } from "./entry.ts"
import { keepAttributes } from "./extended-attributes.ts"
import type { KeptNodes } from "./kept-nodes.ts"
import { NO_TOTALS } from "./totals.ts"
import type { WorkDirectory, WorkNode } from "./work-node.ts"

interface ChangedTree {
  readonly nodes: KeptNodes
  readonly root: WorkNode
  letGo(node: WorkNode): void
}

/** Makes changed directories objects, and what is in them, from below. */
export function keepDirectories(tree: ChangedTree): void {
  const directories = [tree.root]
  // Grows while it is read: directories come after those that they are in.
  for (const { directory } of directories) {
    for (const child of directory?.changed.values() ?? []) {
      if (child?.directory !== undefined && child.directory.changed.size > 0) directories.push(child)
    }
  }
  for (const { directory } of directories.reverse())
    if (directory !== undefined) keepDirectory(tree, directory)
}

function keepDirectory(tree: ChangedTree, directory: WorkDirectory): void {
  const entries = new Map<string, Entry | undefined>()
  for (const [name, node] of directory.changed) entries.set(name, node && entryOf(tree.nodes, node, name))
  directory.kept = changeEntries(tree.nodes, directory.kept, entries)
  const nodes = [...directory.changed.values()]
  directory.changed.clear()
  for (const node of nodes) if (node?.isIdle === true) tree.letGo(node)
}

/** As its directory names it; of a directory, its changes are kept already. */
export function entryOf(nodes: KeptNodes, node: WorkNode, name: string): Entry {
  const { kind, id, mode, accessTime, modifyTime, changeTime, target, file, directory } = node
  if (node.attributes instanceof Map) node.attributes = keepAttributes(nodes, node.attributes)
  const times = { accessTime, modifyTime, changeTime }
  const content = file === undefined ? directory?.kept?.digest : file.keep()
  const below = directory?.kept?.totals ?? NO_TOTALS
  const attributes = node.attributes as Entry["attributes"]
  return {
    name,
    kind,
    id,
    mode,
    ...times,
    size: file?.size ?? 0,
    chunks: file?.chunks ?? 0,
    content,
    below,
    target,
    attributes,
  }
}
