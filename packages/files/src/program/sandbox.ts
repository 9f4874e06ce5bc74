import { basename } from "node:path"

/**
 * Descriptors that the file server's sandbox starts with. `seccomp` holds a filter as bwrap takes it, which bwrap closes; the
 * others stay open in the server. `handle` is of the directory that is served, however opened; the server closes it.
 */
export const FILES_DESCRIPTORS = { control: 3, clients: 4, seccomp: 5, handle: 6 } as const

/** A file of the host, and what it is called inside. */
export interface SandboxFile {
  readonly file: string
  readonly at: string
}

export interface FilesServer {
  readonly bwrapPath: string
  readonly nodePath: string
  /** Libraries that Node and the native modules are linked to: runtimeLibraries(). */
  readonly libraries: readonly SandboxFile[]
  /** The bundled program and native modules, found by these names beside each other; or, run from source, a folder as it is. */
  readonly program:
    | { readonly kind: "bundle"; readonly entry: string; readonly natives: readonly SandboxFile[] }
    | { readonly kind: "source"; readonly entry: string; readonly folder: string; readonly koffi: string }
  /** Whom it runs as; undefined: whoever starts it. Another account needs root. */
  readonly account: { readonly uid: number; readonly gid: number } | undefined
  readonly serves:
    | { readonly kind: "directory"; readonly path: string; readonly access: "read" | "write" }
    | {
        readonly kind: "store"
        readonly path: string
        /** What all of it may take on disk; absent: what the disk has. */
        readonly limitMiB?: number
      }
}

/** Inside. */
const PLACES = { program: "/skerry", served: "/served" } as const

/**
 * V8's own bounds, so that the server stays small whatever it serves: content never lies in its heap. One thread that compiles is
 * enough; arenas of malloc for threads that hardly use them would be kept forever.
 */
const NODE_OPTIONS = [
  "--max-old-space-size=64",
  "--max-semi-space-size=2",
  "--v8-pool-size=1",
  "--stack-trace-limit=4",
  "--disable-warning=ExperimentalWarning",
]
/**
 * Buffers of a chunk or a message come and go all the time: glibc's own bounds would map and unmap each, or give back and take
 * again the end of its heap, which takes longer than what is done with them. So much of it may stay free instead.
 */
const ENVIRONMENT = {
  MALLOC_ARENA_MAX: "1",
  MALLOC_MMAP_THRESHOLD_: String(1024 * 1024),
  MALLOC_TRIM_THRESHOLD_: String(4 * 1024 * 1024),
  UV_THREADPOOL_SIZE: "1",
} as const

/**
 * The command line that starts a file server which sees the runtime, what it serves, and nothing else of the host: its own root,
 * processes and network (none), no privileges to gain. The served directory is a mount of its own there, so that no ".." leads
 * out of it, and where it is only read the kernel knows that too.
 */
export function filesServerCommand(server: FilesServer): string[] {
  const { serves, nodePath, libraries, program } = server
  const node = `${PLACES.program}/node`
  const mayWrite = serves.kind === "store" || serves.access === "write"
  return [
    ...accountCommand(server.account),
    server.bwrapPath,
    ...[
      "--unshare-user",
      "--unshare-pid",
      "--unshare-net",
      "--unshare-ipc",
      "--unshare-uts",
      "--unshare-cgroup",
    ],
    ...["--disable-userns", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--hostname", "files"],
    ...["--proc", "/proc", "--dev", "/dev"],
    ...["--ro-bind", nodePath, node],
    ...libraries.flatMap(({ file, at }) => ["--ro-bind", file, at]),
    ...programArguments(program),
    ...[mayWrite ? "--bind" : "--ro-bind", serves.path, PLACES.served],
    ...["--remount-ro", "/", "--chdir", "/", "--seccomp", String(FILES_DESCRIPTORS.seccomp)],
    ...["--clearenv", ...Object.entries(ENVIRONMENT).flatMap(([name, value]) => ["--setenv", name, value])],
    ...["--", node, ...NODE_OPTIONS, ...serverArguments(server)],
  ]
}

function accountCommand(account: FilesServer["account"]): string[] {
  if (account === undefined) return []
  return [
    "setpriv",
    `--reuid=${account.uid}`,
    `--regid=${account.gid}`,
    "--clear-groups",
    "--no-new-privs",
    // To change the account takes back that it dies with who started it.
    "--pdeathsig=KILL",
    "--",
  ]
}

function programArguments(program: FilesServer["program"]): string[] {
  switch (program.kind) {
    case "source":
      return ["--ro-bind", program.folder, program.folder]
    case "bundle":
      return [
        ...["--ro-bind", program.entry, `${PLACES.program}/${basename(program.entry)}`],
        ...program.natives.flatMap(({ file, at }) => ["--ro-bind", file, `${PLACES.program}/${at}`]),
      ]
  }
}

function serverArguments({ program, serves }: FilesServer): string[] {
  const fd = FILES_DESCRIPTORS
  const connections = ["--control", String(fd.control), "--clients", String(fd.clients)]
  const entry = program.kind === "source" ? program.entry : `${PLACES.program}/${basename(program.entry)}`
  const natives = program.kind === "source" ? program.koffi : `${PLACES.program}/koffi.node`
  const what =
    serves.kind === "store"
      ? limitArguments(serves.limitMiB)
      : ["--access", serves.access, "--handle", String(fd.handle)]
  return [entry, serves.kind, "--path", PLACES.served, ...what, ...connections, "--koffi", natives]
}

/** Of the program, for a store. */
export const limitArguments = (limitMiB: number | undefined): string[] =>
  limitMiB === undefined ? [] : ["--limit-mib", String(limitMiB)]

/**
 * What a dynamically linked process has mapped (the text of its /proc/PID/maps), as files where the loader finds them by their
 * names: the same Node with the same modules needs the same. The loader itself is where Node's file says.
 */
export function runtimeLibraries(maps: string, loader: string): SandboxFile[] {
  const files = new Set(
    maps.split("\n").flatMap((line) => /^\S+ \S+ \S+ \S+ \S+ +(\/.*\.so[.\d]*)$/.exec(line)?.[1] ?? []),
  )
  const loaderName = basename(loader)
  return [...files].sort().map((file) => {
    // libstdc++.so.6.0.30 is looked for as libstdc++.so.6.
    const name = basename(file).replace(/(\.so\.\d+)[.\d]*$/, "$1")
    return { file, at: name === loaderName ? loader : `/lib/${name}` }
  })
}

/** By process.arch. */
export const LOADERS: Readonly<Record<string, string>> = {
  x64: "/lib64/ld-linux-x86-64.so.2",
  arm64: "/lib/ld-linux-aarch64.so.1",
  ppc64: "/lib64/ld64.so.2",
}
