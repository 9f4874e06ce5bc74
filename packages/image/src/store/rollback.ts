import type { Linux } from "@skerry/linux"
import type { HostPaths } from "@skerry/model"
import { ImageError } from "../errors.ts"
import { takeBuildLock } from "./build-lock.ts"
import { checkFiles, checkShape, GenerationStore } from "./generations.ts"
import { ImageStore } from "./image-store.ts"

/**
 * Makes an existing generation the current one: `number`, or the one before the current. Returns its number.
 * Fails with "no-generation", "bad-generation" (its images are gone, or another version of Skerry built it), "busy".
 */
export async function rollback(
  paths: HostPaths,
  linux: Pick<Linux, "tryLock">,
  number: number | undefined,
): Promise<number> {
  await using _held = await takeBuildLock(paths.cache, linux)
  const store = new GenerationStore(paths.state)
  const current = await store.currentNumber()
  const target = number ?? (await store.numbers()).findLast((each) => current === undefined || each < current)
  if (target === undefined) {
    throw new ImageError(
      "no-generation",
      current === undefined
        ? 'Nothing has been built yet: run "skerry build" first'
        : `There is no generation before ${current}`,
    )
  }
  const generation = await store.read(target)
  checkShape(generation)
  await checkFiles(generation, new ImageStore(paths.cache))
  await store.makeCurrent(target)
  return target
}
