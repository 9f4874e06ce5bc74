import { type ChildProcess, spawn } from "node:child_process"
import { closeSync, openSync, writeSync } from "node:fs"
import type { Linux } from "@skerry/linux"

export interface LaunchOptions {
  /** filesServerCommand(), or one that leads to it. */
  readonly command: readonly string[]
  /** A filter of system calls, as bwrap takes it. */
  readonly seccomp: Uint8Array
  /** Of the directory that is served; stays the caller's. */
  readonly handle: number
  /** Of its standard input, output and errors. */
  readonly stdio: readonly ["ignore" | "pipe", "ignore" | "inherit", "inherit" | "pipe"]
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
}

/** The descriptors are ours to close. */
export interface LaunchedServer {
  readonly child: ChildProcess
  /** Stream socket for calls of FILES. */
  readonly control: number
  /** What clients' descriptors go through. */
  readonly clients: number
}

/** Starts a file server with the descriptors of FILES_DESCRIPTORS. */
export function launchFilesServer(linux: Linux, options: LaunchOptions): LaunchedServer {
  const { seccomp, handle, stdio, cwd, env } = options
  const [file = "", ...args] = options.command
  const theirs: number[] = []
  const ours: number[] = []
  const pair = (): number => {
    const [our, their] = linux.socketPair()
    ours.push(our)
    theirs.push(their)
    return our
  }
  try {
    const filter = linux.memfdCreate("seccomp")
    theirs.push(filter)
    writeSync(filter, seccomp)
    const [control, clients] = [pair(), pair()]
    const [, serverControl = -1, serverClients = -1] = theirs
    // Of its own, so that it is read from the start.
    const rewound = openSync(`/proc/self/fd/${filter}`, "r")
    theirs.push(rewound)
    const child = spawn(file, args, {
      ...(cwd === undefined ? {} : { cwd }),
      ...(env === undefined ? {} : { env }),
      stdio: [...stdio, serverControl, serverClients, rewound, handle],
    })
    ours.length = 0
    return { child, control, clients }
  } finally {
    for (const fd of [...theirs, ...ours]) closeSync(fd)
  }
}
