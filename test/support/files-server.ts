import type { ChildProcess } from "node:child_process"
import { closeSync, constants, openSync } from "node:fs"
import { join } from "node:path"
import { FilesCaller } from "@skerry/files/caller"
import { findFilesServer } from "@skerry/files/find-program"
import { type LaunchedServer, launchFilesServer } from "@skerry/files/launch"
import { type FilesServer, filesServerCommand } from "@skerry/files/sandbox"
import { openLinux } from "@skerry/linux"
import { Loop } from "@skerry/loop"
import { FILES } from "@skerry/rpc"
import { encodeFilter, seccompFilter } from "../../packages/isolation/src/backends/bubblewrap/seccomp.ts"
import { CALLS } from "../../packages/isolation/src/backends/bubblewrap/seccomp-calls.ts"

const ROOT = join(import.meta.dirname, "../..")
const MODULES = { x64: "@koromix/koffi-linux-x64/linux_x64", arm64: "@koromix/koffi-linux-arm64/linux_arm64" }
export const KOFFI = join(ROOT, "node_modules", MODULES[process.arch as keyof typeof MODULES], "koffi.node")
export const linux = openLinux()

/** A file server from source, in its sandbox; another program in its place to look around there. */
export function sandboxed(
  serves: FilesServer["serves"],
  entry = "packages/files/src/program/main.ts",
): FilesServer {
  return {
    ...findFilesServer(),
    bwrapPath: "/usr/bin/bwrap",
    program: { kind: "source", entry: join(ROOT, entry), folder: ROOT, koffi: KOFFI },
    account: undefined,
    serves,
  }
}

export interface StartedServer extends Disposable {
  readonly process: ChildProcess
  readonly loop: Loop
  readonly caller: FilesCaller
}

/** Starts it with the descriptors that filesServerCommand() tells of. `handleOf`: another directory than it serves. */
export function launchSandboxed(server: FilesServer, handleOf = server.serves.path): LaunchedServer {
  const handle = openSync(handleOf, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    return launchFilesServer(linux, {
      command: filesServerCommand(server),
      seccomp: encodeFilter(seccompFilter(CALLS[process.arch === "x64" ? "x86_64" : "aarch64"])),
      handle,
      stdio: ["ignore", "inherit", "pipe"],
    })
  } finally {
    closeSync(handle)
  }
}

export function startFilesServer(server: FilesServer): StartedServer {
  const { child, control, clients } = launchSandboxed(server)
  const loop = new Loop(linux, () => performance.now())
  const caller = new FilesCaller({ loop, linux }, control, clients)
  return {
    process: child,
    loop,
    caller,
    [Symbol.dispose]() {
      caller[Symbol.dispose]()
      child.kill("SIGKILL")
    },
  }
}

/** Serves the whole directory to a new client; our end of its connection. */
export function connectClient({ caller }: StartedServer, label: number, access: "read" | "write"): number {
  const [ours, theirs] = linux.socketPair()
  caller.sendClient(label, theirs)
  const trees = [{ attachName: "tree", access, tree: { kind: "directory", only: "" } as const }]
  caller.call(FILES.serve, { client: label, trees })
  return ours
}
