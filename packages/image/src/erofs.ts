import { stat, truncate } from "node:fs/promises"
import { IMAGE_TIME, LAYER_ALIGNMENT, LAYER_UUID } from "./recipe.ts"
import { runTool } from "./tool.ts"

/**
 * Uncompressed, and no file's tail stored beside its inode: only whole pages can be mapped by DAX. Everything
 * belongs to root, without extended attributes (so without file capabilities), at one time.
 */
export function mkfsArguments(image: string, directory: string): readonly string[] {
  return [
    "--quiet",
    "-E",
    "noinline_data,force-inode-extended",
    "-x",
    "-1",
    "-T",
    String(IMAGE_TIME),
    "-U",
    LAYER_UUID,
    "--all-root",
    image,
    directory,
  ]
}

/** Packs a tree. The image depends only on names, modes, links and contents. */
export async function packLayer(directory: string, image: string, signal: AbortSignal): Promise<void> {
  await runTool(`pack ${image}`, "mkfs.erofs", mkfsArguments(image, directory), { signal })
  await truncate(image, paddedSize((await stat(image)).size))
}

export function paddedSize(bytes: number): number {
  return Math.ceil(bytes / LAYER_ALIGNMENT) * LAYER_ALIGNMENT
}
