import { cp, link, mkdir, mkdtemp, readdir, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import {
  type BuildOptions,
  type BuildResult,
  buildSystem,
  bundleProgram,
  collectGarbage,
  DEBIAN_KEYRING,
  findGuestPrograms,
  freeBytesOf,
  openDebianSource,
} from "@skerry/image"
import { openLinux } from "@skerry/linux"
import { type HostPaths, hostPaths, type System } from "@skerry/model"

/** A folder for one test; disposing of it removes everything. */
export interface TestHome extends AsyncDisposable {
  readonly folder: string
  readonly paths: HostPaths
}

export async function testHome(): Promise<TestHome> {
  const folder = await mkdtemp(join(tmpdir(), "skerry-image-test-"))
  return {
    folder,
    paths: hostPaths({ SKERRY_HOME: folder }, 0),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}

/** Everything that a build needs, as the command line would pass it. */
export async function buildOptions(
  paths: HostPaths,
  system: System,
  other: Partial<BuildOptions> = {},
): Promise<BuildOptions> {
  return {
    paths,
    uid: process.getuid?.() ?? 0,
    temporary: tmpdir(),
    system,
    programs: await findGuestPrograms(import.meta.url, bundleProgram),
    source: openDebianSource({ directory: join(paths.cache, "apt"), keyring: DEBIAN_KEYRING }),
    linux: openLinux(),
    update: false,
    now: Date.now,
    freeBytes: freeBytesOf,
    onProgress: () => {},
    onCheckpoint: () => {},
    signal: new AbortController().signal,
    ...other,
  }
}

/**
 * The home that tests of real images share: in SKERRY_TEST_CACHE it stays from run to run, otherwise it lives as long as
 * the machine's temporary folder. Nobody changes its system.
 */
export function sharedPaths(): HostPaths {
  const folder = process.env.SKERRY_TEST_CACHE ?? join(tmpdir(), "skerry-test-cache")
  return hostPaths({ SKERRY_HOME: join(folder, "images") }, 0)
}

/** Builds once what several test files use; a second file waits for the first. */
export async function buildShared(system: System): Promise<BuildResult> {
  let options = await buildOptions(sharedPaths(), system)
  for (;;) {
    try {
      const result = await buildSystem(options)
      // The cache stays for many runs, in which what domains run has changed.
      if (result.isNew) await collectGarbage(options.paths, options.linux, { keep: 1, running: new Set() })
      return result
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : undefined
      // Kept from before what Skerry brings along has changed.
      const isOld = !options.update && (code === "bad-lock" || code === "wrong-digest")
      if (isOld) options = { ...options, update: true }
      else if (code === "busy") await new Promise((resolve) => setTimeout(resolve, 500))
      else throw error
    }
  }
}

/** Gives a new home the lock and the downloaded packages of the shared one, so that it needs no network. */
export async function lendPackages(from: HostPaths, to: HostPaths): Promise<void> {
  await mkdir(to.configuration, { recursive: true })
  await cp(join(from.configuration, "skerry.lock"), join(to.configuration, "skerry.lock"))
  await linkTree(join(from.cache, "packages"), join(to.cache, "packages"))
}

/** The images too, so that it builds only what is not in the shared one. */
export async function lendImages(from: HostPaths, to: HostPaths): Promise<void> {
  await lendPackages(from, to)
  await linkTree(join(from.cache, "images"), join(to.cache, "images"))
}

function unlessThere(error: NodeJS.ErrnoException): void {
  if (error.code !== "EEXIST") throw error
}

/** Files are the same, not copies: a test that changes one first removes it. */
async function linkTree(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true })
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) await linkTree(source, target)
    else await link(source, target).catch(unlessThere)
  }
}
