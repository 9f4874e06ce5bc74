import { mkdir, open, readFile } from "node:fs/promises"
import { join } from "node:path"
import type { Linux } from "@skerry/linux"
import { asImageError, ImageError } from "../errors.ts"

/**
 * One build (or garbage collection) at a time for each cache. The kernel releases the lock when its holder ends,
 * however that happens. Fails with "busy".
 */
export async function takeBuildLock(cache: string, linux: Pick<Linux, "tryLock">): Promise<AsyncDisposable> {
  const path = join(cache, "build.lock")
  try {
    await mkdir(cache, { recursive: true, mode: 0o755 })
    const file = await open(path, "a+", 0o600)
    if (!linux.tryLock(file.fd)) {
      await file.close()
      const holder = (await readFile(path, "utf8")).trim()
      throw new ImageError(
        "busy",
        `Another build is at work${holder === "" ? "" : ` (process ${holder})`}; wait for it to end, then try again`,
      )
    }
    await file.truncate(0)
    await file.write(`${process.pid}\n`)
    return { [Symbol.asyncDispose]: () => file.close() }
  } catch (error) {
    throw asImageError(error, "start a build", cache)
  }
}
