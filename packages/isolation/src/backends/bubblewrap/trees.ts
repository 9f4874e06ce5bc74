import { createHash, randomUUID } from "node:crypto"
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises"
import { join } from "node:path"
import type { Digest } from "@skerry/model"
import { type ImageFile, IsolationError } from "../../backend.ts"
import { runTool } from "../../run-tool.ts"
import { verifyImageFile } from "../../verify-image.ts"
import { treeDigest } from "./tree-digest.ts"

const PARTIAL = ".partial-"

/** The lowest tree of every domain: places to mount on, where an image lacks them. */
const MOUNT_POINTS = "mountpoints"
const MOUNT_POINT_DIRECTORIES = ["dev/shm", "etc", "home/user", "proc", "run", "tmp", "var/tmp"]
const MOUNT_POINT_FILES = ["etc/machine-id", "etc/hostname"]

export interface TreesOptions {
  /** Holds one directory for each layer, and beside it, in DIRECTORY.digest, the digest of what was extracted. */
  readonly directory: string
  /** Where programs are looked up. */
  readonly path: string
}

/** A layer's files in a directory that has been compared with their digest in this daemon's life. */
interface VerifiedTree {
  readonly name: string
  readonly digest: string
}

/** The layers of one image, ready to be laid over each other. */
export interface ImageTrees {
  /** Names within the directory, topmost first. */
  readonly names: readonly string[]
  /** Fails with "image-altered" if a file changed since the trees were verified, or "aborted". */
  check(signal: AbortSignal): Promise<void>
}

/** Erofs layers extracted into directories of the cache: an ordinary user cannot mount a layer itself. */
export class Trees {
  readonly directory: string
  /** Two directories that are always there, to try laying one over the other. */
  readonly probeNames = [`${MOUNT_POINTS}/dev`, `${MOUNT_POINTS}/etc`]
  readonly #path: string
  readonly #verified = new Map<string, Promise<VerifiedTree>>()

  constructor(options: TreesOptions) {
    this.directory = options.directory
    this.#path = options.path
  }

  /** Makes the directory, and removes what an extraction that was cut off has left. */
  async open(): Promise<void> {
    await mkdir(this.directory, { recursive: true, mode: 0o755 })
    for (const name of await readdir(this.directory)) {
      if (name.startsWith(PARTIAL)) await rm(join(this.directory, name), { recursive: true })
    }
    const root = join(this.directory, MOUNT_POINTS)
    for (const name of MOUNT_POINT_DIRECTORIES)
      await mkdir(join(root, name), { recursive: true, mode: 0o755 })
    for (const name of MOUNT_POINT_FILES) await writeFile(join(root, name), "")
  }

  /** Verifies the layers' files, extracts those that are not there yet, verifies those that are. */
  async prepare(layers: readonly ImageFile[], image: string, signal: AbortSignal): Promise<ImageTrees> {
    const trees: VerifiedTree[] = []
    for (const layer of layers) {
      await verifyImageFile(layer, image, signal)
      trees.unshift(await this.#verifiedTree(layer, image, signal))
    }
    const names = [...trees.map((tree) => tree.name), MOUNT_POINTS]
    let identity = await this.#identity(names, signal)
    return {
      names,
      check: async (checkSignal) => {
        const now = await this.#identity(names, checkSignal)
        if (now === identity) return
        // Something touched the files. Whether it changed them, only reading them tells.
        for (const tree of trees) await this.#compare(tree, image, checkSignal)
        identity = now
      },
    }
  }

  /** Calls for one layer share the work; if the one that does it is aborted, the next takes it up. */
  async #verifiedTree(layer: ImageFile, image: string, signal: AbortSignal): Promise<VerifiedTree> {
    const name = nameOf(layer.digest)
    for (;;) {
      if (signal.aborted) throw new IsolationError("aborted", `Stopped preparing image "${image}"`)
      const known = this.#verified.get(name)
      if (known === undefined) break
      const tree = await known.catch(() => undefined)
      if (tree !== undefined && (await exists(join(this.directory, name)))) return tree
      if (this.#verified.get(name) === known) this.#verified.delete(name)
    }
    const making = this.#make(layer, name, image, signal)
    this.#verified.set(name, making)
    return await making
  }

  async #make(layer: ImageFile, name: string, image: string, signal: AbortSignal): Promise<VerifiedTree> {
    const path = join(this.directory, name)
    if (await exists(path)) {
      const tree = { name, digest: await readFile(`${path}.digest`, "utf8").catch(() => "none") }
      await this.#compare(tree, image, signal)
      return tree
    }
    const partial = join(this.directory, `${PARTIAL}${randomUUID()}`)
    try {
      const argv = [
        "fsck.erofs",
        `--extract=${partial}`,
        "--preserve-perms",
        "--no-preserve-owner",
        layer.path,
      ]
      await runTool({ argv, cwd: this.directory, path: this.#path, signal })
      const digest = await treeDigest(partial, signal)
      await writeFile(`${partial}.digest`, digest)
      // The digest first: a directory under its final name always has one.
      await rename(`${partial}.digest`, `${path}.digest`)
      await rename(partial, path)
      return { name, digest }
    } catch (cause) {
      await rm(partial, { recursive: true, force: true })
      await rm(`${partial}.digest`, { force: true })
      if (cause instanceof IsolationError) throw cause
      if (signal.aborted)
        throw new IsolationError("aborted", `Stopped extracting image "${image}"`, { cause })
      const why = cause instanceof Error ? cause.message : String(cause)
      throw new IsolationError("boot-failed", `Cannot extract ${layer.path} of image "${image}": ${why}`, {
        cause,
      })
    }
  }

  async #compare(tree: VerifiedTree, image: string, signal: AbortSignal): Promise<void> {
    const path = join(this.directory, tree.name)
    const found = await treeDigest(path, signal).catch((cause: unknown) => {
      if (signal.aborted) throw new IsolationError("aborted", `Stopped verifying image "${image}"`, { cause })
      return cause instanceof Error ? cause.message : String(cause)
    })
    if (found === tree.digest) return
    this.#verified.delete(tree.name)
    throw new IsolationError(
      "image-altered",
      `The extracted files of image "${image}" were altered and will not be used: ${path} is ${found}, ` +
        `not ${tree.digest}; remove that directory and they are extracted again`,
    )
  }

  /**
   * Changes whenever a file is written, replaced, renamed, or has its owner or mode changed: the inode's change time
   * cannot be set by a program. Much cheaper than reading the files, so that it is done before every start.
   */
  async #identity(names: readonly string[], signal: AbortSignal): Promise<string> {
    const argv = ["find", ...names, "-printf", "%p\\0%i %y %m %U %G %s %C@\\0"]
    const list = await runTool({ argv, cwd: this.directory, path: this.#path, signal })
    return createHash("sha256").update(list).digest("hex")
  }
}

const nameOf = (digest: Digest) => digest.replace("sha256:", "")

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch {
    return false
  }
}
