import { readdir, readFile, rm, stat } from "node:fs/promises"
import { join } from "node:path"
import type { Digest } from "@skerry/model"
import { hasCode } from "./cgroup-domain.ts"

/**
 * Removes what backends have made from images that are gone: templates, and the trees of layers whose image file is
 * no longer in the cache. Returns how many folders went. Both are made anew when they are needed.
 */
export async function collectDerived(
  cacheDirectory: string,
  keptImages: ReadonlySet<Digest>,
): Promise<number> {
  let removed = 0
  const templates = join(cacheDirectory, "templates")
  for (const name of await namesIn(templates)) {
    const image = await readFile(join(templates, name, "image"), "utf8").catch(() => "")
    if ((keptImages as ReadonlySet<string>).has(image.trim())) continue
    await rm(join(templates, name), { recursive: true, force: true })
    removed += 1
  }
  const trees = join(cacheDirectory, "trees")
  for (const name of await namesIn(trees)) {
    const [, digest] = /^([0-9a-f]{64})(\.digest)?$/.exec(name) ?? []
    if (digest === undefined || (await exists(join(cacheDirectory, "images", `${digest}.erofs`)))) continue
    await rm(join(trees, name), { recursive: true, force: true })
    removed += 1
  }
  return removed
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory)
  } catch (error) {
    if (hasCode(error, "ENOENT")) return []
    throw error
  }
}

const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  )
