import { existsSync, readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { type FilesServer, LOADERS, runtimeLibraries } from "@skerry/files/sandbox"

/** The bundled program, beside the bundled daemon. */
const BUNDLE = "files.cjs"
const NATIVES = {
  "koffi.node": {
    x64: "@koromix/koffi-linux-x64/linux_x64/koffi.node",
    arm64: "@koromix/koffi-linux-arm64/linux_arm64/koffi.node",
  },
  "lmdb.node": {
    x64: "@lmdb/lmdb-linux-x64/node.napi.glibc.node",
    arm64: "@lmdb/lmdb-linux-arm64/node.napi.glibc.node",
  },
} as const

/** The file server's program and what it runs on, as it lies on this host. `moduleUrl` is a file of the daemon's. */
export function fileServerProgram(
  moduleUrl: string,
): Pick<FilesServer, "nodePath" | "libraries" | "program"> {
  const require = createRequire(moduleUrl)
  const natives = Object.entries(NATIVES).map(([at, files]) => {
    const file = files[process.arch as keyof typeof files]
    if (file === undefined) throw new Error(`There is no native module ${at} for ${process.arch}`)
    return { at, file: fileBeside(require, file) }
  })
  const host = {
    nodePath: process.execPath,
    libraries: runtimeLibraries(readFileSync("/proc/self/maps", "utf8"), LOADERS[process.arch] ?? ""),
  }
  const bundle = fileURLToPath(new URL(BUNDLE, moduleUrl))
  if (existsSync(bundle)) return { ...host, program: { kind: "bundle", entry: bundle, natives } }
  const entry = join(dirname(require.resolve("@skerry/files/sandbox")), "main.ts")
  // From source: packages/files/src/program/main.ts, and the repository with all that it imports.
  const folder = join(dirname(entry), "../../../..")
  return { ...host, program: { kind: "source", entry, folder, koffi: natives[0]?.file ?? "" } }
}

/** Files of packages need not be among what the packages export. */
function fileBeside(require: NodeJS.Require, path: string): string {
  for (const folder of require.resolve.paths(path) ?? []) {
    const file = join(folder, path)
    if (existsSync(file)) return file
  }
  throw new Error(`Cannot find ${path}, a part of Skerry: run "npm ci" again`)
}
