import { readFileSync } from "node:fs"
import { findFilesProgram } from "@skerry/files/find-program"
import { type FilesServer, LOADERS, runtimeLibraries } from "@skerry/files/sandbox"

/** The file server's program, and this process's own Node and libraries, which it runs on as well. */
export function fileServerProgram(): Pick<FilesServer, "nodePath" | "libraries" | "program"> {
  const maps = readFileSync("/proc/self/maps", "utf8")
  return {
    nodePath: process.execPath,
    libraries: runtimeLibraries(maps, LOADERS[process.arch] ?? ""),
    program: findFilesProgram(),
  }
}
