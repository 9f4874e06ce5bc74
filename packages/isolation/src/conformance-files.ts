import { chmod, copyFile, mkdtemp, open, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import type { ImageFile, ImageFiles } from "./backend.ts"

/** An image whose layers are copies in `folder`, for a test that alters them. */
export async function copyImage(image: ImageFiles, folder: string): Promise<ImageFiles> {
  const copy = async (file: ImageFile, index: number): Promise<ImageFile> => {
    const path = join(folder, `${index}-${basename(file.path)}`)
    await copyFile(file.path, path)
    await chmod(path, 0o644) // images are read-only, for their owner too
    return { path, digest: file.digest }
  }
  const layers: ImageFile[] = []
  for (const [index, layer] of image.layers.entries()) layers.push(await copy(layer, index))
  return { ...image, layers }
}

/** Removed when it is disposed of. */
export async function temporaryFile() {
  const folder = await mkdtemp(join(tmpdir(), "skerry-descriptor-"))
  const path = join(folder, "file")
  const handle = await open(path, "w")
  return {
    handle,
    text: () => readFile(path, "utf8"),
    async [Symbol.asyncDispose]() {
      await handle.close()
      await rm(folder, { recursive: true })
    },
  }
}
