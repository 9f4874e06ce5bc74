import { parseEntryName } from "./codec/entry-name.ts"
import type { DirectoryEntry, EntrySink, FileTree, NodeKind, OpenNode } from "./file-tree.ts"

/** Room for one entry, whatever its name. */
const ENTRY_BYTES = 24 + 255

/** Up to `most` entries, for whoever wants them as objects. */
class EntryList implements EntrySink {
  readonly entries: DirectoryEntry[] = []
  readonly #most: number

  constructor(most: number) {
    this.#most = most
  }

  get room(): number {
    return (this.#most - this.entries.length) * ENTRY_BYTES
  }

  put(entry: DirectoryEntry): boolean {
    if (this.entries.length >= this.#most) return false
    this.entries.push(entry)
    return true
  }

  putFrom(
    source: DataView,
    kind: NodeKind,
    idAt: number,
    cursorAt: number,
    nameAt: number,
    nameEnd: number,
  ): boolean {
    const name = Buffer.from(source.buffer, source.byteOffset + nameAt, nameEnd - nameAt).toString("latin1")
    return this.put({
      name: parseEntryName(name),
      kind,
      id: source.getBigUint64(idAt, true),
      cursor: source.getBigUint64(cursorAt, true),
    })
  }
}

/** Up to `most` entries after `cursor`; none: the end. */
export function listEntries(
  tree: FileTree,
  directory: OpenNode,
  cursor: bigint,
  most: number,
): readonly DirectoryEntry[] {
  const list = new EntryList(most)
  tree.readDirectory(directory, cursor, list)
  return list.entries
}
