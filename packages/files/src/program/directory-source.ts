import { constants, openSync } from "node:fs"
import { type FileCalls, STATX_BYTES } from "@skerry/linux"
import type { ServedTree as WantedTree } from "@skerry/rpc"
import { HostDirectory } from "../backends/host-directory/host-directory.ts"
import { HostLocks } from "../backends/host-directory/host-locks.ts"
import { OneFile } from "../backends/host-directory/one-file.ts"
import { entryNameOf } from "../codec/entry-name.ts"
import { LockTable } from "../server/lock-table.ts"
import { ServedTree } from "../server/served-tree.ts"
import { ServerError } from "./server-error.ts"
import type { TreeSource } from "./tree-source.ts"

export interface DirectorySourceOptions {
  readonly calls: FileCalls
  readonly path: string
  /** A descriptor of the directory that is meant; owned. */
  readonly handle: number | undefined
  readonly access: "read" | "write"
  readonly uid: number
}

/** Descriptors that clients leave: for connections of others, and for Node. Each client has one. */
const SPARE = 2048

/** Each has a descriptor and some 300 bytes of heap; where it is open, twice the descriptors. */
const MOST_FIDS = 98_304

/** Opens the directory once. Throws where the path leads to another one than the handle. */
export function directorySource({ calls, path, handle, access, uid }: DirectorySourceOptions): TreeSource {
  const root = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY)
  if (handle !== undefined) {
    // The path was looked up anew when the sandbox was made, and may have been changed since it was granted. The handle would do
    // as well, but a way out: its ".." is the host's.
    if (identity(calls, root) !== identity(calls, handle)) {
      throw new Error(`${JSON.stringify(path)} is not the directory that was granted any more`)
    }
    calls.close(handle)
  }
  const mostDescriptors = Math.max(SPARE, calls.raiseDescriptorLimit() - SPARE)
  const tree = new HostDirectory({ calls, root, access, mostDescriptors, uid })
  // A file that was granted by itself is the same file: who has it and who has its directory see each other's locks.
  const locks = new LockTable(new HostLocks(calls, access))
  const whole = new ServedTree(tree, false, locks)
  const single = new Map<string, ServedTree>()
  return {
    handlers: [],
    mostFids: Math.min(MOST_FIDS, Math.floor(mostDescriptors / 2)),
    open: (wanted) => {
      const only = fileOf(wanted)
      if (only === "") return whole
      let served = single.get(only)
      if (served === undefined) {
        served = new ServedTree(new OneFile(tree, entryNameOf(only)), false, locks)
        single.set(only, served)
      }
      return served
    },
    // As many as files were granted by themselves: few, and small.
    closed: () => {},
    synchronise: () => tree.commit(true),
    close: () => {},
  }
}

function fileOf(wanted: WantedTree["tree"]): string {
  if (wanted.kind !== "directory")
    throw new ServerError("wrong-tree", "This server serves a directory, and no state")
  return wanted.only
}

/** Of a directory; a mount of it is the same directory. */
function identity(calls: FileCalls, fd: number): string {
  const stat = Buffer.alloc(STATX_BYTES)
  if (calls.stat(fd, stat) < 0) throw new Error(`Descriptor ${fd} is no directory`)
  return `${stat.readBigUInt64LE(136)} ${stat.readBigUInt64LE(32)}`
}
