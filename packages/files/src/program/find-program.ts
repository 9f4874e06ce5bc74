import { existsSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { findInstalled, findKoffi } from "@skerry/linux"
import { type FilesServer, LOADERS, runtimeLibraries } from "./sandbox.ts"

/** The bundled program, beside whoever is bundled with this file. */
const BUNDLED = "files.cjs"

/** lmdb's native module, by process.arch: it is not built for others, which can serve directories all the same. */
const LMDB: Readonly<Record<string, string>> = {
  x64: "@lmdb/lmdb-linux-x64",
  arm64: "@lmdb/lmdb-linux-arm64",
}
const LMDB_FILE = "node.napi.glibc.node"

/** The file server, and this process's own Node and libraries, which it runs on as well. */
export function findFilesServer(): Pick<FilesServer, "nodePath" | "libraries" | "program"> {
  const maps = readFileSync("/proc/self/maps", "utf8")
  return {
    nodePath: process.execPath,
    libraries: runtimeLibraries(maps, LOADERS[process.arch] ?? ""),
    program: findFilesProgram(),
  }
}

/** The file server's program as it is installed: one bundled file and its native modules, or the sources. */
export function findFilesProgram(moduleUrl = import.meta.url): FilesServer["program"] {
  const folder = dirname(fileURLToPath(moduleUrl))
  const bundled = join(folder, BUNDLED)
  if (existsSync(bundled)) {
    const lmdb = findLmdb(bundled)
    const natives = [{ file: findKoffi(bundled), at: "koffi.node" }]
    if (lmdb !== undefined) natives.push({ file: lmdb, at: "lmdb.node" })
    return { kind: "bundle", entry: bundled, natives }
  }
  const entry = join(folder, "main.ts")
  if (!existsSync(entry)) throw new Error("Skerry's own file server is missing: install Skerry again")
  return { kind: "source", entry, folder: join(folder, "../../../.."), koffi: findKoffi(entry) }
}

function findLmdb(from: string): string | undefined {
  const name = LMDB[process.arch]
  return name === undefined ? undefined : findInstalled(from, name, LMDB_FILE)
}
