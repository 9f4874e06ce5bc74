import { readdir, rm, stat } from "node:fs/promises"
import { join } from "node:path"
import type { Linux } from "@skerry/linux"
import type { Digest, HostPaths } from "@skerry/model"
import { takeBuildLock } from "./build-lock.ts"
import { type Generation, type GenerationImage, GenerationStore } from "./generations.ts"
import { ImageStore, nameOf } from "./image-store.ts"

export interface GcOptions {
  /** How many of the newest generations stay; the current one always does. */
  readonly keep: number
  /** Images (ImageFiles.digest) of running domains: of each, the newest generation that has it stays. */
  readonly running: ReadonlySet<Digest>
}

export interface GcResult {
  readonly removedGenerations: readonly number[]
  readonly freedBytes: number
  /** Images still in use: what a template may be kept for. */
  readonly keptImages: ReadonlySet<Digest>
}

/** Which generations go. Pure. */
export function outdated(
  numbers: readonly number[],
  current: number | undefined,
  keep: number,
): readonly number[] {
  const newest = numbers.toSorted((a, b) => b - a).slice(0, keep)
  return numbers.filter((number) => !newest.includes(number) && number !== current)
}

/**
 * Of those, the ones that must stay because a domain runs from an image which no remaining generation has: without a
 * record that names its files, the next collection would remove them under the domain. Pure.
 */
export function stillRunning(
  imagesOf: ReadonlyMap<number, readonly Digest[]>,
  removed: readonly number[],
  running: ReadonlySet<Digest>,
): ReadonlySet<number> {
  const newestFirst = [...imagesOf].sort(([a], [b]) => b - a)
  return new Set(
    [...running].flatMap((digest) => {
      const having = newestFirst.filter(([, images]) => images.includes(digest)).map(([number]) => number)
      return having.every((number) => removed.includes(number)) ? having.slice(0, 1) : []
    }),
  )
}

/** Removes old generations, then the images and packages that nothing uses any more. Fails with "busy". */
export async function collectGarbage(
  paths: HostPaths,
  linux: Pick<Linux, "tryLock">,
  options: GcOptions,
): Promise<GcResult> {
  await using _held = await takeBuildLock(paths.cache, linux)
  const generations = new GenerationStore(paths.state)
  const numbers = await generations.numbers()
  const records = new Map<number, Generation>()
  for (const number of numbers) records.set(number, await generations.read(number))
  const old = outdated(numbers, await generations.currentNumber(), options.keep)
  const images = new Map(
    [...records].map(([number, generation]) => [number, imagesIn(generation).map(({ digest }) => digest)]),
  )
  const staying = stillRunning(images, old, options.running)
  const removed = old.filter((number) => !staying.has(number))
  const keptImages = new Set<Digest>()
  const keptFiles = new Set<string>()
  const keptPackages = new Set<string>()
  for (const [number, generation] of records) {
    if (removed.includes(number)) continue
    for (const image of imagesIn(generation)) {
      keptImages.add(image.digest)
      for (const file of [image.kernel, image.initramfs, ...image.layers]) keptFiles.add(nameOf(file))
    }
    for (const sha256 of packagesOf(generation)) keptPackages.add(`${sha256}.deb`)
  }
  for (const number of removed) await generations.remove(number)
  const freedBytes =
    (await new ImageStore(paths.cache).retain(keptFiles)) +
    (await removeExcept(join(paths.cache, "packages"), keptPackages))
  return { removedGenerations: removed, freedBytes, keptImages }
}

const imagesIn = (generation: Generation): readonly GenerationImage[] => Object.values(generation.images)

function packagesOf(generation: Generation): readonly string[] {
  const { base, applications } = generation.lock
  return [base, ...Object.values(applications)].flatMap((section) =>
    section.packages.map((item) => item.sha256),
  )
}

async function removeExcept(directory: string, kept: ReadonlySet<string>): Promise<number> {
  let bytes = 0
  for (const name of await readdir(directory).catch(() => [])) {
    if (kept.has(name)) continue
    const path = join(directory, name)
    const found = await stat(path)
    if (found.isFile()) bytes += found.size
    await rm(path, { recursive: true })
  }
  return bytes
}
