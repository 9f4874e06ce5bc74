import { spawnSync } from "node:child_process"
import { accessSync, constants, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import type { Bench } from "./bench.ts"
import type { Row } from "./row.ts"
import { printed, timed } from "./timed.ts"

/*
 * What else a machine may have to run a command apart. Shared kernels all of them: they are here for their time, and
 * do not give the same isolation.
 */

const IMAGE = "localhost/skerry-bench"

export const bwrapRow = alternative("bwrap", "bwrap … true", "bubblewrap", [
  ...["bwrap", "--unshare-all", "--die-with-parent", "--ro-bind", "/", "/"],
  ...["--dev", "/dev", "--proc", "/proc", "true"],
])

export const firejailRow = alternative("firejail", "firejail --quiet true", "firejail", [
  "firejail",
  "--quiet",
  "true",
])

const podmanRun = ["podman", "run", "--rm", "--network", "none", IMAGE, "/bin/true"]

export const podmanRow: Row = {
  ...alternative("podman", "podman run --rm … true", "podman", podmanRun),
  absent(bench) {
    const missing = notFound(bench, "podman")
    if (missing !== undefined) return missing
    const { environment } = bench
    try {
      if (!hasImage(environment)) makeImage(environment)
      // Says at once where containers cannot be run.
      timed(podmanRun, environment)
      return undefined
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
  },
}

function hasImage(environment: NodeJS.ProcessEnv): boolean {
  const { status } = spawnSync("podman", ["image", "exists", IMAGE], { env: environment, stdio: "ignore" })
  return status === 0
}

function alternative(program: string, what: string, debianPackage: string, words: readonly string[]): Row {
  return {
    name: program,
    what,
    unit: "ms",
    bars: [],
    absent: (bench) => notFound(bench, program, debianPackage),
    sample: ({ environment }) => timed(words, environment),
  }
}

function notFound({ environment }: Bench, program: string, debianPackage = program): string | undefined {
  const isThere = (environment.PATH ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
  return isThere ? undefined : `it is not installed: apt-get install ${debianPackage}`
}

/** An image with nothing but the host's own `true` and its libraries: needs no registry. It stays, for the next time. */
function makeImage(environment: NodeJS.ProcessEnv): void {
  const folder = mkdtempSync(join(tmpdir(), "skerry-bench-image-"))
  try {
    const archive = join(folder, "root.tar")
    const libraries = printed(["ldd", "/bin/true"], environment).match(/\/\S+/g) ?? []
    printed(
      ["tar", "-chf", archive, "-C", "/", "bin/true", ...libraries.map((path) => path.slice(1))],
      environment,
    )
    printed(["podman", "import", "--quiet", archive, IMAGE], environment)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
