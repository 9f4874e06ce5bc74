import { mkdir, readFile } from "node:fs/promises"
import { join } from "node:path"
import type { ImageFiles } from "@skerry/isolation"
import type { Linux } from "@skerry/linux"
import type { ApplicationName, Digest, HostPaths, OnProgress, System } from "@skerry/model"
import { digestOf } from "./canonical.ts"
import { carryOut } from "./carry-out.ts"
import { writeDurably } from "./durable.ts"
import { asImageError, ImageError } from "./errors.ts"
import { digestsOf, type GuestPrograms, programSha256 } from "./guest-programs.ts"
import { formatLock, type Lock, type LockSection, PROGRAM_NAMES, parseLock } from "./lock.ts"
import type { PackageSource } from "./package-source.ts"
import { type BuildPlan, planBuild, planResolution } from "./plan.ts"
import { isBasePackage } from "./recipe.ts"
import { takeBuildLock } from "./store/build-lock.ts"
import {
  type Generation,
  type GenerationContents,
  type GenerationImage,
  GenerationStore,
  imageDigest,
  imagesOf,
} from "./store/generations.ts"
import { ImageStore, type StoredFile } from "./store/image-store.ts"
import { checkRoom, removeLeftovers, type WorkPlaces, WorkSpace } from "./work-space.ts"

export interface BuildOptions {
  readonly paths: HostPaths
  readonly uid: number
  /** For what accounts of a user namespace must reach. */
  readonly temporary: string
  readonly system: System
  readonly programs: GuestPrograms
  readonly source: PackageSource
  readonly linux: Pick<Linux, "tryLock">
  /** Resolve all packages anew. */
  readonly update: boolean
  readonly now: () => number
  readonly freeBytes: (directory: string) => Promise<number>
  readonly onProgress: OnProgress
  /** Told after each thing that was made durable; tests end the process there. */
  readonly onCheckpoint: (name: string) => void
  readonly signal: AbortSignal
}

export interface BuildResult {
  readonly generation: number
  /** False: the current generation was already what the configuration says. */
  readonly isNew: boolean
  readonly images: ReadonlyMap<ApplicationName, ImageFiles>
  /** Bytes on disk of what all applications share: kernel, initramfs and base layer. */
  readonly baseBytes: number
}

/**
 * Makes the images of a system, and a generation of them if anything changed. If it fails or is killed, the
 * current generation is the one before, and what was finished is found again by the next build.
 */
export async function buildSystem(options: BuildOptions): Promise<BuildResult> {
  const { paths } = options
  try {
    await using _held = await takeBuildLock(paths.cache, options.linux)
    await removeLeftovers(placesOf(options))
    const lock = await decideLock(options)
    const store = new ImageStore(paths.cache)
    const plan = await planWithStore(options, lock, store)
    if (plan.steps.length > 0) await makeMissing(options, plan, store)
    if ((await lockText(paths)) !== formatLock(lock)) {
      await writeDurably(lockPath(paths), formatLock(lock))
      options.onCheckpoint("lock")
    }
    return await addGeneration(options, await contentsOf(options.system, lock, plan, store), store)
  } catch (error) {
    throw asImageError(await orDiskFull(error, options), "build", paths.cache)
  }
}

/** Less than this left on the disk explains why a program failed: what they say of it differs. */
const FULL_BELOW_BYTES = 16 * 1024 * 1024

async function orDiskFull(error: unknown, options: BuildOptions): Promise<unknown> {
  if (!(error instanceof ImageError) || error.code !== "tool-failed") return error
  for (const directory of [options.paths.cache, options.temporary]) {
    if ((await options.freeBytes(directory)) >= FULL_BELOW_BYTES) continue
    const message = `Cannot build: the disk of ${directory} is full; free some space there (${error.message})`
    return new ImageError("disk-full", message, { cause: error })
  }
  return error
}

function placesOf({ paths, temporary, uid }: BuildOptions): WorkPlaces {
  return { cache: paths.cache, temporary, uid }
}

export function lockPath(paths: HostPaths): string {
  return join(paths.configuration, "skerry.lock")
}

async function readLock(paths: HostPaths): Promise<Lock | undefined> {
  const text = await lockText(paths)
  return text === undefined ? undefined : parseLock(text, lockPath(paths))
}

async function lockText(paths: HostPaths): Promise<string | undefined> {
  const path = lockPath(paths)
  return await readFile(path, "utf8").catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined
    throw new ImageError("bad-lock", `Cannot read ${path}: ${String(error)}`, { cause: error })
  })
}

/** The lock as it is where it still fits; only what it does not say is resolved. */
async function decideLock(options: BuildOptions): Promise<Lock> {
  const { system, source, signal, onProgress } = options
  // An update needs nothing of the old lock, so it also mends one that cannot be read.
  const old = options.update ? undefined : await readLock(options.paths)
  const programs = await programSha256(options.programs)
  const resolutions = planResolution(system, old, options.update)
  const sections = new Map<string, LockSection>()
  if (resolutions.length > 0) {
    onProgress({
      kind: "begin",
      step: "resolve",
      label: "Resolving packages",
      total: resolutions.length,
      unit: "items",
    })
    for (const [index, { section, request }] of resolutions.entries()) {
      const isBase = section === "base"
      const packages = await source.resolve(request, isBase ? "base" : "application", signal)
      sections.set(section, { request, packages: isBase ? packages.filter(isBasePackage) : packages })
      onProgress({ kind: "advance", step: "resolve", done: index + 1 })
    }
    onProgress({ kind: "end", step: "resolve" })
  }
  const section = (name: string, before: LockSection | undefined): LockSection => {
    const found = sections.get(name) ?? before
    if (found === undefined) throw new Error(`The plan resolved nothing for ${name}`)
    return found
  }
  if (old !== undefined) checkPrograms(old, programs)
  return {
    version: 1,
    base: section("base", old?.base),
    applications: Object.fromEntries(
      Object.keys(system.applications).map((name) => [
        name,
        section(`application ${name}`, old?.applications[name]),
      ]),
    ),
    programs,
  }
}

function checkPrograms(lock: Lock, found: Lock["programs"]): void {
  for (const name of PROGRAM_NAMES) {
    if (lock.programs[name] === found[name]) continue
    throw new ImageError(
      "wrong-digest",
      `Cannot build from this lock: expected ${name} with SHA-256 ${lock.programs[name]}, found ${found[name]}; after an upgrade of Skerry run "skerry build --update"`,
    )
  }
}

async function planWithStore(options: BuildOptions, lock: Lock, store: ImageStore): Promise<BuildPlan> {
  const digests = digestsOf(options.programs)
  const { keys } = planBuild(options.system, lock, digests, new Set())
  const present = new Set<Digest>()
  for (const key of [keys.boot, keys.base, ...keys.applications.values()]) {
    if ((await store.component(key)) !== undefined) present.add(key)
  }
  return planBuild(options.system, lock, digests, present)
}

async function makeMissing(options: BuildOptions, plan: BuildPlan, store: ImageStore): Promise<void> {
  await mkdir(options.paths.cache, { recursive: true, mode: 0o755 })
  await checkRoom(options.paths.cache, plan.neededBytes, options.freeBytes)
  await using space = await WorkSpace.open(placesOf(options))
  await carryOut(plan, options, store, space)
}

async function contentsOf(
  system: System,
  lock: Lock,
  plan: BuildPlan,
  store: ImageStore,
): Promise<GenerationContents> {
  const boot = await store.component(plan.keys.boot)
  const base = await store.component(plan.keys.base)
  if (boot?.kind !== "boot" || base?.kind !== "base") throw new Error("The build made no base")
  const images: Record<ApplicationName, GenerationImage> = {}
  for (const [name, key] of plan.keys.applications) {
    const application = await store.component(key)
    if (application?.kind !== "application") throw new Error(`The build made no layer for ${name}`)
    const image = { kernel: boot.kernel, initramfs: boot.initramfs, layers: [base.layer, application.layer] }
    images[name] = { digest: imageDigest(image), ...image }
  }
  return { system, lock, images }
}

async function addGeneration(
  options: BuildOptions,
  contents: GenerationContents,
  store: ImageStore,
): Promise<BuildResult> {
  const generations = new GenerationStore(options.paths.state)
  const isWanted = (generation: Generation | undefined) => generation?.contentsDigest === digestOf(contents)
  const readOrNothing = async (number: number | undefined) =>
    number === undefined ? undefined : await generations.read(number).catch(() => undefined)
  const current = await readOrNothing(await generations.currentNumber())
  const isNew = !isWanted(current)
  // A build that was killed may have written it without making it current.
  const newest = isNew ? await readOrNothing((await generations.numbers()).at(-1)) : current
  const generation =
    newest !== undefined && isWanted(newest) ? newest : await generations.add(contents, options.now())
  options.onCheckpoint("generation")
  if (isNew) await generations.makeCurrent(generation.number)
  options.onCheckpoint("current")
  return {
    generation: generation.number,
    isNew,
    images: imagesOf(generation, store),
    baseBytes: baseBytes(Object.values<GenerationImage>(contents.images)),
  }
}

function baseBytes(images: readonly GenerationImage[]): number {
  const [image] = images
  if (image === undefined) return 0
  const shared: readonly (StoredFile | undefined)[] = [image.kernel, image.initramfs, image.layers[0]]
  return shared.reduce((sum, file) => sum + (file?.size ?? 0), 0)
}
