import { readdir, readFile, rm, stat } from "node:fs/promises"
import { join } from "node:path"
import type { ImageFiles } from "@skerry/isolation"
import { type ApplicationName, type Digest, type HostPaths, SYSTEM_VERSION, type System } from "@skerry/model"
import { digestOf } from "../canonical.ts"
import { writeDurably } from "../durable.ts"
import { ImageError } from "../errors.ts"
import { LIMITS } from "../limits.ts"
import type { Lock } from "../lock.ts"
import { ImageStore, type StoredFile } from "./image-store.ts"

/** One application's image: lowest layer first. */
export interface GenerationImage {
  readonly digest: Digest
  readonly kernel: StoredFile
  readonly initramfs: StoredFile
  readonly layers: readonly StoredFile[]
}

/** Everything that `skerry rollback` brings back. */
export interface GenerationContents {
  readonly system: System
  readonly images: Readonly<Record<ApplicationName, GenerationImage>>
  readonly lock: Lock
}

export interface Generation extends GenerationContents {
  readonly version: 1
  readonly number: number
  /** Milliseconds since 1970. */
  readonly createdAt: number
  readonly systemDigest: Digest
  /** Over the contents: a build that gives the same makes no new generation. */
  readonly contentsDigest: Digest
}

export function imageDigest(image: Omit<GenerationImage, "digest">): Digest {
  return digestOf([image.kernel, image.initramfs, ...image.layers].map((file) => file.digest))
}

/** `generations/` in the state: N.json, written once, and `current`, which holds the number of one of them. */
export class GenerationStore {
  readonly #directory: string
  constructor(state: string) {
    this.#directory = join(state, "generations")
  }

  async numbers(): Promise<readonly number[]> {
    const names = await readdir(this.#directory).catch(() => [])
    return names
      .flatMap((name) => /^([1-9][0-9]{0,8})\.json$/.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => a - b)
  }

  async currentNumber(): Promise<number | undefined> {
    const text = await readFile(join(this.#directory, "current"), "utf8").catch(() => "")
    return /^[1-9][0-9]{0,8}\n$/.test(text) ? Number(text) : undefined
  }

  async read(number: number): Promise<Generation> {
    const path = this.#path(number)
    const found = await stat(path).catch(() => undefined)
    if (found === undefined) {
      const numbers = await this.numbers()
      throw new ImageError(
        "no-generation",
        `There is no generation ${number}; ${numbers.length === 0 ? 'nothing was built yet: run "skerry build"' : `those that can be taken up are ${numbers.join(", ")}: "skerry generations" lists them`}`,
      )
    }
    try {
      if (found.size > LIMITS.recordBytes) throw new Error("it is too long")
      const generation = JSON.parse(await readFile(path, "utf8")) as Generation
      if (generation.version !== 1) throw new Error(`its version is ${JSON.stringify(generation.version)}`)
      const { system, images, lock } = generation
      if (digestOf({ system, images, lock }) !== generation.contentsDigest) throw new Error("it was altered")
      return generation
    } catch (error) {
      throw new ImageError(
        "bad-generation",
        `Cannot read generation ${number} (${path}): ${error instanceof Error ? error.message : "unknown"}; choose another with "skerry rollback"`,
        { cause: error },
      )
    }
  }

  /** Adds a generation; it is not current yet. */
  async add(contents: GenerationContents, createdAt: number): Promise<Generation> {
    const generation: Generation = {
      version: 1,
      number: ((await this.numbers()).at(-1) ?? 0) + 1,
      createdAt,
      systemDigest: digestOf(contents.system),
      contentsDigest: digestOf(contents),
      ...contents,
    }
    await writeDurably(this.#path(generation.number), `${JSON.stringify(generation)}\n`, 0o600)
    return generation
  }

  async makeCurrent(number: number): Promise<void> {
    await writeDurably(join(this.#directory, "current"), `${number}\n`)
  }

  async remove(number: number): Promise<void> {
    await rm(this.#path(number))
  }

  #path(number: number): string {
    return join(this.#directory, `${number}.json`)
  }
}

/** What new domains are made from. */
export interface CurrentGeneration {
  readonly number: number
  readonly system: System
  readonly images: ReadonlyMap<ApplicationName, ImageFiles>
}

/** Differs whenever another generation is current; undefined where there is none. Costs one small read. */
export async function currentStamp(paths: HostPaths): Promise<string | undefined> {
  const number = await new GenerationStore(paths.state).currentNumber()
  return number === undefined ? undefined : String(number)
}

/** Fails with "no-generation" or "bad-generation". */
export async function loadCurrent(paths: HostPaths): Promise<CurrentGeneration> {
  const generations = new GenerationStore(paths.state)
  const number = await generations.currentNumber()
  if (number === undefined) {
    throw new ImageError("no-generation", 'Nothing has been built yet: run "skerry build" first')
  }
  const generation = await generations.read(number)
  checkShape(generation)
  await checkFiles(generation, new ImageStore(paths.cache))
  return { number, system: generation.system, images: imagesOf(generation, new ImageStore(paths.cache)) }
}

export function imagesOf(
  generation: GenerationContents,
  store: ImageStore,
): ReadonlyMap<ApplicationName, ImageFiles> {
  return new Map(
    Object.entries(generation.images).map(([name, image]: [string, GenerationImage]) => [
      name as ApplicationName,
      {
        digest: image.digest,
        name,
        kernel: store.imageFile(image.kernel),
        initramfs: store.imageFile(image.initramfs),
        layers: image.layers.map((layer) => store.imageFile(layer)),
      },
    ]),
  )
}

/** What another version of Skerry built is kept and listed, and lacks what this one needs to know. */
export function checkShape({ number, system }: Generation): void {
  if (system.version === SYSTEM_VERSION) return
  const message = `Cannot use generation ${number}: another version of Skerry built it; run "skerry build"`
  throw new ImageError("bad-generation", message)
}

/** Images can be deleted from the cache at any time; a generation without them cannot be used. */
export async function checkFiles(generation: Generation, store: ImageStore): Promise<void> {
  for (const [name, image] of Object.entries<GenerationImage>(generation.images)) {
    for (const file of [image.kernel, image.initramfs, ...image.layers]) {
      if (await store.has(file)) continue
      throw new ImageError(
        "bad-generation",
        `Cannot use generation ${generation.number}: a file of the image of "${name}" is missing or cut short (${store.pathOf(file)}); run "skerry build"`,
      )
    }
  }
}
