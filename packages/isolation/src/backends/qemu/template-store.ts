import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto"
import { closeSync, ftruncateSync } from "node:fs"
import { mkdir, open, readFile, rename, rm, writeFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import type { Linux } from "@skerry/linux"
import type { Digest } from "@skerry/model"
import { loadPages, savePages } from "./memory-pages.ts"

/** Raised when the files' layout or meaning changes: older ones are then made anew. */
const FORMAT = 1
const MIB = 1024 * 1024

/** A booted, paused guest: its memory in a sealed memory file (nobody can change it any more) and its devices' state. */
export interface GuestSnapshot extends Disposable {
  readonly memoryFd: number
  readonly deviceState: Buffer
}

/** A memory of zeros that QEMU may fill. The caller owns the descriptor. */
export function newMemory(linux: Linux, memoryMiB: number): number {
  const fd = linux.memfdCreate("skerry-memory")
  ftruncateSync(fd, memoryMiB * MIB)
  return fd
}

/**
 * Seals a memory that no process has mapped for writing: from now on a QEMU that is taken over by its guest can map it
 * only privately, and so cannot reach its siblings through it. Takes ownership of `memoryFd`.
 */
export function sealSnapshot(linux: Linux, memoryFd: number, deviceState: Buffer): GuestSnapshot {
  linux.addSeals(memoryFd, ["shrink", "grow", "write", "seal"])
  return { memoryFd, deviceState, [Symbol.dispose]: () => closeSync(memoryFd) }
}

/**
 * Keeps snapshots in the cache directory. Each is one folder: memory, devices, and a record of both digests which is
 * authenticated with a key from the state directory, so that whoever can write only the cache cannot forge one.
 */
export class TemplateStore {
  readonly #directory: string
  readonly #keyPath: string
  readonly #linux: Linux
  #key: Promise<Buffer> | undefined

  constructor(options: { cacheDirectory: string; stateDirectory: string; linux: Linux }) {
    this.#directory = join(options.cacheDirectory, "templates")
    this.#keyPath = join(options.stateDirectory, "template.key")
    this.#linux = options.linux
  }

  /** `parts` is everything that the snapshot depends on. */
  static keyOf(parts: readonly (string | number)[]): string {
    return createHash("sha256")
      .update(JSON.stringify([FORMAT, ...parts]))
      .digest("hex")
  }

  /** Verified while it is loaded, then sealed. undefined: there is none, or not one that can be trusted. */
  async load(key: string, memoryMiB: number, signal: AbortSignal): Promise<GuestSnapshot | undefined> {
    const folder = join(this.#directory, key)
    let record: Buffer
    let deviceState: Buffer
    try {
      record = await readFile(join(folder, "record"))
      deviceState = await readFile(join(folder, "devices"))
    } catch {
      return undefined // Never made, or not completely: it is made anew.
    }
    const memoryFd = newMemory(this.#linux, memoryMiB)
    try {
      const memoryDigest = await loadPages(join(folder, "memory"), memoryFd, signal)
      if (memoryDigest !== false) {
        const expected = await this.#record(key, memoryDigest, deviceState)
        if (record.length === expected.length && timingSafeEqual(record, expected)) {
          return sealSnapshot(this.#linux, memoryFd, deviceState)
        }
      }
    } catch (error) {
      closeSync(memoryFd)
      if (signal.aborted) throw error
      return undefined // The memory file cannot be read: as if there were none.
    }
    closeSync(memoryFd)
    return undefined
  }

  /** Replaces what is there. A crash leaves the old one or none. */
  async save(key: string, image: Digest, snapshot: GuestSnapshot): Promise<void> {
    const folder = join(this.#directory, key)
    const partial = join(this.#directory, `.partial-${key}-${process.pid}`)
    await rm(partial, { recursive: true, force: true })
    await mkdir(partial, { recursive: true, mode: 0o700 })
    try {
      const memoryDigest = await savePages(snapshot.memoryFd, join(partial, "memory"))
      await writeFile(join(partial, "devices"), snapshot.deviceState, { flush: true, mode: 0o600 })
      // For garbage collection only: the key is what a template is found by.
      await writeFile(join(partial, "image"), `${image}\n`, { mode: 0o600 })
      const record = await this.#record(key, memoryDigest, snapshot.deviceState)
      await writeFile(join(partial, "record"), record, { flush: true, mode: 0o600 })
      await rm(folder, { recursive: true, force: true })
      await rename(partial, folder)
    } catch (error) {
      await rm(partial, { recursive: true, force: true })
      throw error
    }
  }

  async #record(key: string, memoryDigest: string, deviceState: Buffer): Promise<Buffer> {
    this.#key ??= readOrMakeKey(this.#keyPath)
    const devices = createHash("sha256").update(deviceState).digest("hex")
    const mac = createHmac("sha256", await this.#key)
    return Buffer.from(`${mac.update(`${key} ${memoryDigest} ${devices}`).digest("hex")}\n`)
  }
}

async function readOrMakeKey(path: string): Promise<Buffer> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  try {
    await using file = await open(path, "wx", 0o600)
    const key = randomBytes(32)
    await file.writeFile(key)
    await file.sync()
    return key
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return await readFile(path)
    throw error
  }
}
