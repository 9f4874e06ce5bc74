import { createHash, createHmac, timingSafeEqual } from "node:crypto"
import { closeSync, ftruncateSync } from "node:fs"
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import type { Linux } from "@skerry/linux"
import type { Digest } from "@skerry/model"
import { hasCode } from "../../cgroup-domain.ts"
import { readProcessStat } from "../../process-tree.ts"
import { loadPages, savePages } from "./memory-pages.ts"
import { readOrMakeKey } from "./template-key.ts"

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
  #key: Buffer | undefined

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

  /** Replaces what is there. A crash leaves the old one or none, and a partial one that the next save removes. */
  async save(key: string, image: Digest, snapshot: GuestSnapshot): Promise<void> {
    const folder = join(this.#directory, key)
    await mkdir(this.#directory, { recursive: true, mode: 0o700 })
    await this.#removeAbandoned()
    const partial = join(this.#directory, await partialName())
    const old = join(this.#directory, await partialName())
    await mkdir(partial, { mode: 0o700 })
    try {
      const memoryDigest = await savePages(snapshot.memoryFd, join(partial, "memory"))
      await writeFile(join(partial, "devices"), snapshot.deviceState, { flush: true, mode: 0o600 })
      // For garbage collection only: the key is what a template is found by.
      await writeFile(join(partial, "image"), `${image}\n`, { mode: 0o600 })
      const record = await this.#record(key, memoryDigest, snapshot.deviceState)
      await writeFile(join(partial, "record"), record, { flush: true, mode: 0o600 })
      // Aside as a whole: removing it where it is could meet what somebody else puts there meanwhile.
      await rename(folder, old).catch(unless("ENOENT"))
      // Where somebody else was quicker theirs is as good as ours.
      await rename(partial, folder).catch(unless("ENOTEMPTY", "EEXIST"))
    } finally {
      await rm(partial, { recursive: true, force: true })
      await rm(old, { recursive: true, force: true })
    }
  }

  /** Partial templates of processes that are gone. */
  async #removeAbandoned(): Promise<void> {
    for (const name of await readdir(this.#directory)) {
      const [, pid = "", startTicks] = PARTIAL_NAME.exec(name) ?? []
      if (pid === "" || String((await readProcessStat(pid))?.startTicks) === startTicks) continue
      await rm(join(this.#directory, name), { recursive: true, force: true })
    }
  }

  async #record(key: string, memoryDigest: string, deviceState: Buffer): Promise<Buffer> {
    this.#key ??= await readOrMakeKey(this.#keyPath)
    const devices = createHash("sha256").update(deviceState).digest("hex")
    const mac = createHmac("sha256", this.#key)
    return Buffer.from(`${mac.update(`${key} ${memoryDigest} ${devices}`).digest("hex")}\n`)
  }
}

const unless =
  (...codes: readonly string[]) =>
  (error: unknown) => {
    if (!codes.some((code) => hasCode(error, code))) throw error
  }

const PARTIAL_NAME = /^\.partial-(\d+)-(\d+)-\d+$/
let nextPartial = 0

/** Says whose it is: a number of a process alone is soon somebody else's. */
async function partialName(): Promise<string> {
  const self = await readProcessStat(process.pid)
  return `.partial-${process.pid}-${self?.startTicks ?? 0}-${nextPartial++}`
}
