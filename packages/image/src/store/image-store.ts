import { mkdir, readdir, readFile, rm, stat } from "node:fs/promises"
import { join } from "node:path"
import type { ImageFile } from "@skerry/isolation"
import type { Digest } from "@skerry/model"
import { fileSha256 } from "../debian/fetch.ts"
import { publish, writeDurably } from "../durable.ts"
import type { Manifest } from "../tree.ts"

/** A file of the store: its name tells its digest, so a name and its contents never change. */
export interface StoredFile {
  readonly digest: Digest
  readonly kind: FileKind
  readonly size: number
}
export type FileKind = "kernel.zst" | "initramfs" | "erofs"

/** What one step of a build made, found again under the key of everything that went into it. */
export type Component =
  | { readonly kind: "boot"; readonly kernel: StoredFile; readonly initramfs: StoredFile }
  | { readonly kind: "base"; readonly layer: StoredFile; readonly manifest: Manifest }
  | { readonly kind: "application"; readonly layer: StoredFile }

export function filesOf(component: Component): readonly StoredFile[] {
  return component.kind === "boot" ? [component.kernel, component.initramfs] : [component.layer]
}

/** `images/` in the cache: files named by digest, and in `components/` which step makes which of them. */
export class ImageStore {
  readonly #images: string
  constructor(cache: string) {
    this.#images = join(cache, "images")
  }

  pathOf(file: StoredFile): string {
    return join(this.#images, nameOf(file))
  }

  imageFile(file: StoredFile): ImageFile {
    return { path: this.pathOf(file), digest: file.digest }
  }

  /** Whether the file is there whole, by its size: who boots it checks its digest. */
  async has(file: StoredFile): Promise<boolean> {
    const found = await stat(this.pathOf(file)).catch(() => undefined)
    return found?.size === file.size
  }

  /** Moves a finished file, on the same file system, to its final name. */
  async take(temporary: string, kind: FileKind): Promise<StoredFile> {
    const digest = `sha256:${await fileSha256(temporary)}` as Digest
    const file = { digest, kind, size: (await stat(temporary)).size }
    await mkdir(this.#images, { recursive: true, mode: 0o755 })
    await publish(temporary, this.pathOf(file), 0o444)
    return file
  }

  /** What was made under this key, if all of it is still there. */
  async component(key: Digest): Promise<Component | undefined> {
    const text = await readFile(this.#recordPath(key), "utf8").catch(() => undefined)
    if (text === undefined) return undefined
    // Written by `record` alone, whole or not at all; the cache belongs to whoever builds.
    const component = JSON.parse(text) as Component
    for (const file of filesOf(component)) if (!(await this.has(file))) return undefined
    return component
  }

  async record(key: Digest, component: Component): Promise<void> {
    await writeDurably(this.#recordPath(key), JSON.stringify(component))
  }

  /** Removes every file that is not in `kept`, and the records that name one. Returns the bytes set free. */
  async retain(kept: ReadonlySet<string>): Promise<number> {
    let bytes = 0
    const names = await readdir(this.#images).catch(() => [])
    for (const name of names) {
      if (name === "components" || kept.has(name)) continue
      const path = join(this.#images, name)
      bytes += (await stat(path)).size
      await rm(path)
    }
    const records = join(this.#images, "components")
    for (const name of await readdir(records).catch(() => [])) {
      const component = JSON.parse(await readFile(join(records, name), "utf8")) as Component
      if (!filesOf(component).every((file) => kept.has(nameOf(file)))) await rm(join(records, name))
    }
    return bytes
  }

  #recordPath(key: Digest): string {
    return join(this.#images, "components", `${key.slice("sha256:".length)}.json`)
  }
}

export function nameOf(file: StoredFile): string {
  return `${file.digest.slice("sha256:".length)}.${file.kind}`
}
