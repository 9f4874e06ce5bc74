import { chmod, lstat, mkdir, mkdtemp, readdir, rm, statfs } from "node:fs/promises"
import { dirname, join } from "node:path"
import { ImageError } from "./errors.ts"

export interface WorkPlaces {
  readonly cache: string
  /** Where a user namespace's accounts can reach: a user's own cache is closed to them. */
  readonly temporary: string
  readonly uid: number
}

/** Room for the steps of one build. */
export class WorkSpace implements AsyncDisposable {
  readonly #staging: string
  readonly #shared: string
  readonly #places: WorkPlaces

  private constructor(staging: string, shared: string, places: WorkPlaces) {
    this.#staging = staging
    this.#shared = shared
    this.#places = places
  }

  /** The caller holds the build lock, and has removed what was left. */
  static async open(places: WorkPlaces): Promise<WorkSpace> {
    const staging = join(places.cache, STAGING)
    await mkdir(staging, { recursive: true, mode: 0o755 })
    await chmod(staging, 0o755)
    if (places.uid === 0) return new WorkSpace(staging, staging, places)
    const shared = await mkdtemp(join(places.temporary, `${SHARED_PREFIX}${process.pid}-`))
    await chmod(shared, 0o755)
    return new WorkSpace(staging, shared, places)
  }

  async directory(name: string): Promise<string> {
    const path = join(this.#staging, name)
    await mkdir(path, { mode: 0o755 })
    return path
  }

  /** Reached by other accounts, unlike the rest. */
  async sharedDirectory(name: string): Promise<string> {
    const path = join(this.#shared, `shared-${name}`)
    await mkdir(path)
    // Sticky, as every directory that several accounts write into.
    await chmod(path, this.#places.uid === 0 ? 0o755 : 0o1777)
    return path
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#staging, { recursive: true, force: true })
    await rm(this.#shared, { recursive: true, force: true })
  }
}

const STAGING = "staging"
const SHARED_PREFIX = "skerry-build-"

/** What a killed build left behind. The caller holds the build lock. */
export async function removeLeftovers(places: WorkPlaces): Promise<void> {
  await rm(join(places.cache, STAGING), { recursive: true, force: true })
  if (places.uid === 0) return
  for (const name of await readdir(places.temporary)) {
    const pid = new RegExp(`^${SHARED_PREFIX}([0-9]+)-`).exec(name)?.[1]
    if (pid === undefined) continue
    const path = join(places.temporary, name)
    const isOurs = (await lstat(path)).uid === places.uid
    const isAlive = await lstat(`/proc/${pid}`).then(
      () => true,
      () => false,
    )
    if (isOurs && !isAlive) await rm(path, { recursive: true, force: true })
  }
}

/** Said before the work begins rather than when it is half done. */
export async function checkRoom(
  directory: string,
  neededBytes: number,
  freeBytes: (directory: string) => Promise<number>,
): Promise<void> {
  const free = await freeBytes(directory)
  if (free >= neededBytes) return
  const inMegabytes = (bytes: number) => `${Math.ceil(bytes / 1e6)} MB`
  throw new ImageError(
    "disk-full",
    `Cannot build: the disk of ${directory} has ${inMegabytes(free)} free, and the build needs about ${inMegabytes(neededBytes)}; free some space there`,
  )
}

export async function freeBytesOf(directory: string): Promise<number> {
  const found = await statfs(directory).catch(async () => await statfs(dirname(directory)))
  return found.bavail * found.bsize
}
