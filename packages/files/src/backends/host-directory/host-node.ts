import { constants } from "node:fs"
import type { FileCalls } from "@skerry/linux"
import { FileError, type NodeKind, type OpenMode, type OpenNode, type TreeNode } from "../../file-tree.ts"
import { check, ERRNO } from "./errno.ts"
import { nodeId, type Stat } from "./stat.ts"

const O_PATH = 0o10000000
const HOLD = O_PATH | constants.O_NOFOLLOW
/** Never the terminal of this process, and never waiting: not for a lease either. */
const OPEN = constants.O_NOCTTY | constants.O_NONBLOCK
const CREATE = OPEN | constants.O_NOFOLLOW | constants.O_CREAT | constants.O_EXCL
/** How often a name that others make and remove meanwhile is tried. */
const ATTEMPTS = 8
/** Programs that run as their owner whoever starts them are nothing that a guest may make. */
const PERMISSIONS = 0o1777

/** A node is a descriptor of its own: what it means does not change when names do. */
export class HostNode implements TreeNode {
  readonly kind: NodeKind
  readonly id: bigint
  readonly device: bigint
  readonly fd: number
  holds = 1
  /** Of its last opening for writing, while that is open. */
  writingFd: number | undefined

  constructor(kind: NodeKind, id: bigint, device: bigint, fd: number) {
    this.kind = kind
    this.id = id
    this.device = device
    this.fd = fd
  }
}

export class HostOpen implements OpenNode {
  readonly node: HostNode
  /** The node's own where the two were opened as one. */
  readonly fd: number

  constructor(node: HostNode, fd: number) {
    this.node = node
    this.fd = fd
  }
}

/** Finds, makes and opens nodes by one name in a directory. */
export class HostNodes {
  readonly #calls: FileCalls
  readonly #stat: Stat
  readonly #rootDevice: bigint
  readonly #most: number
  /** Of nodes and what is open: 0 ≤ descriptors ≤ #most. */
  #descriptors = 0

  constructor(calls: FileCalls, stat: Stat, rootDevice: bigint, most: number) {
    this.#most = most
    this.#calls = calls
    this.#stat = stat
    this.#rootDevice = rootDevice
  }

  walk(directory: HostNode, name: string): HostNode {
    this.#expectRoom()
    const fd = this.#calls.open(directory.fd, name, HOLD, 0)
    // A mount point: what is mounted there was not granted.
    if (fd === -ERRNO.EXDEV) throw new FileError("EACCES")
    return this.#node(check(fd))
  }

  /** What was just made under this name; somebody may have put something else there since. */
  walkTo(kind: NodeKind, directory: HostNode, name: string): HostNode {
    const node = this.walk(directory, name)
    if (node.kind === kind) return node
    this.release(node)
    throw new FileError("ENOENT")
  }

  open(node: HostNode, mode: OpenMode): HostOpen {
    this.#expectRoom()
    switch (node.kind) {
      case "symlink":
        throw new FileError("ELOOP")
      case "directory":
        if (mode.write || mode.append || mode.truncate) throw new FileError("EISDIR")
        return this.#opened(node, check(this.#calls.openDirectory(node.fd)))
      case "file": {
        const truncate = mode.truncate ? constants.O_TRUNC : 0
        const fd = check(this.#calls.reopen(node.fd, OPEN | accessFlags(mode) | truncate))
        if (mode.write) node.writingFd = fd
        return this.#opened(node, fd)
      }
    }
  }

  create(directory: HostNode, name: string, mode: OpenMode, permissions: number): HostOpen {
    this.#expectRoom()
    const flags = CREATE | accessFlags(mode)
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const fd = this.#calls.open(directory.fd, name, flags, permissions & PERMISSIONS)
      if (fd >= 0) return this.#created(fd, mode)
      if (fd !== -ERRNO.EEXIST || mode.exclusive) check(fd)
      const present = this.#openPresent(directory, name, mode)
      if (present !== undefined) return present
    }
    throw new FileError("EAGAIN")
  }

  makeDirectory(directory: HostNode, name: string, permissions: number): HostNode {
    check(this.#calls.makeDirectory(directory.fd, name, permissions & PERMISSIONS))
    return this.walkTo("directory", directory, name)
  }

  release(node: HostNode): void {
    node.holds -= 1
    if (node.holds > 0) return
    this.#calls.close(node.fd)
    this.#descriptors -= 1
  }

  close({ fd, node }: HostOpen): void {
    if (node.writingFd === fd) node.writingFd = undefined
    if (node.fd === fd) return
    this.#calls.close(fd)
    this.#descriptors -= 1
  }

  #opened(node: HostNode, fd: number): HostOpen {
    this.#descriptors += 1
    return new HostOpen(node, fd)
  }

  #expectRoom(): void {
    if (this.#descriptors >= this.#most) throw new FileError("EMFILE")
  }

  #created(fd: number, mode: OpenMode): HostOpen {
    const node = this.#node(fd)
    if (mode.write) node.writingFd = fd
    return new HostOpen(node, fd)
  }

  /** undefined: it was there, and has gone again. */
  #openPresent(directory: HostNode, name: string, mode: OpenMode): HostOpen | undefined {
    let node: HostNode
    try {
      node = this.walk(directory, name)
    } catch (error) {
      if (error instanceof FileError && error.code === "ENOENT") return undefined
      throw error
    }
    try {
      return this.open(node, mode)
    } catch (error) {
      this.release(node)
      throw error
    }
  }

  /** Takes the descriptor over, also where it throws. */
  #node(fd: number): HostNode {
    try {
      this.#stat.look(fd)
      const kind = this.#stat.kind()
      // A FIFO, socket or device: opening it would do something, or wait.
      if (kind === undefined) throw new FileError("EACCES")
      const device = this.#stat.device()
      this.#descriptors += 1
      return new HostNode(kind, nodeId(this.#rootDevice, device, this.#stat.inode()), device, fd)
    } catch (error) {
      this.#calls.close(fd)
      throw error
    }
  }
}

function accessFlags({ read, write, append }: OpenMode): number {
  const access = write ? (read ? constants.O_RDWR : constants.O_WRONLY) : constants.O_RDONLY
  return append ? access | constants.O_APPEND : access
}
