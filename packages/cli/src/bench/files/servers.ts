import { type ChildProcess, spawn } from "node:child_process"
import {
  closeSync,
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from "node:fs"
import { machine, tmpdir } from "node:os"
import { join } from "node:path"
import { FilesCaller } from "@skerry/files/caller"
import { findFilesServer } from "@skerry/files/find-program"
import { launchFilesServer } from "@skerry/files/launch"
import { filesServerCommand } from "@skerry/files/sandbox"
import { NinepClient, socketTransport } from "@skerry/files/testing"
import { processFilter } from "@skerry/isolation"
import { type Linux, openLinux } from "@skerry/linux"
import { Loop } from "@skerry/loop"
import { FILES } from "@skerry/rpc"
import { tryUnlink } from "./workload.ts"

export const DIOD = "/usr/sbin/diod"
/** The most that a client asks for: each server agrees to what it can. */
const MESSAGE_BYTES = 1024 * 1024
const LABEL = 1
const ATTACH_NAME = "bench"
/** In memory where there is such a place: a disk would be measured instead of the servers. */
const MEMORY = "/dev/shm"

/**
 * A machine may have memory that its own host must give it first, when it is written to for the first time or after a pause; that takes
 * longer than all that is measured, and meets one server and not the other. What was just taken and given back is there.
 */
export function takeMemory(bytes: number): void {
  const folder = newFolder()
  const file = openSync(join(folder, "memory"), "wx")
  const piece = Buffer.alloc(1024 * 1024)
  for (let taken = 0; taken < bytes; ) taken += writeSync(file, piece)
  closeSync(file)
  rmSync(folder, { recursive: true })
}

const newFolder = () => mkdtempSync(join(existsSync(MEMORY) ? MEMORY : tmpdir(), "skerry-bench-files-"))

/** What the store serves the client. */
export const BENCH_TREE = "bench"

export type ServerKind = "diod" | "directory" | "store"

/** A server of an empty tree, and a client that has attached it as fid 0. */
export interface MeasuredServer extends Disposable {
  readonly client: NinepClient
  readonly memory: () => PeakMemory
  /** Asks the server itself; not diod. */
  readonly control: FilesCaller | undefined
}

export interface PeakMemory {
  /** VmHWM: the most that was ever resident, files that others share included. */
  readonly peakBytes: number
  /** RssFile now: Node itself, and libraries. */
  readonly fileBytes: number
}

export function startServer(kind: ServerKind): MeasuredServer {
  const linux = openLinux()
  const folder = newFolder()
  const started = kind === "diod" ? startDiod(linux, folder) : startOurs(linux, kind, folder)
  const { attachName, child, control, fd } = started
  const client = new NinepClient(socketTransport(linux, fd), MESSAGE_BYTES)
  client.attach(0, attachName, process.getuid?.() ?? 0)
  tryUnlink(client)
  return {
    client,
    control,
    memory: () => peakMemory(lastDescendant(child.pid ?? 0)),
    [Symbol.dispose]() {
      closeSync(fd)
      control?.[Symbol.dispose]()
      child.kill("SIGKILL")
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}

interface Started {
  readonly child: ChildProcess
  readonly fd: number
  readonly attachName: string
  readonly control: FilesCaller | undefined
}

function startDiod(linux: Linux, folder: string): Started {
  const [fd, theirs] = linux.socketPair()
  const child = spawn(
    DIOD,
    ["-f", "-n", "-N", "-r", "3", "-w", "3", "-e", folder, "-L", "stderr", "-c", "/dev/null"],
    { stdio: ["ignore", "ignore", "ignore", theirs] },
  )
  closeSync(theirs)
  return { child, fd, attachName: folder, control: undefined }
}

/** In its sandbox, as the daemon starts it. */
function startOurs(linux: Linux, kind: "directory" | "store", path: string): Started {
  const command = filesServerCommand({
    ...findFilesServer(),
    bwrapPath: "bwrap",
    account: undefined,
    serves: kind === "store" ? { kind, path } : { kind, path, access: "write" },
  })
  const handle = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY)
  const stdio = ["ignore", "ignore", "inherit"] as const
  const { child, control, clients } = launchFilesServer(linux, {
    ...{ command, handle, stdio },
    seccomp: processFilter(machine()),
  })
  closeSync(handle)
  const loop = new Loop(linux, () => performance.now())
  const caller = new FilesCaller({ loop, linux }, control, clients)
  const [fd, theirs] = linux.socketPair()
  caller.sendClient(LABEL, theirs)
  if (kind === "store") {
    caller.call(FILES.stateUnlock, { key: { kind: "keyFile", content: new Uint8Array(32).fill(7) } })
  }
  const tree =
    kind === "store"
      ? ({ kind: "state", name: BENCH_TREE } as const)
      : ({ kind: "directory", only: "" } as const)
  caller.call(FILES.serve, {
    client: LABEL,
    trees: [{ attachName: ATTACH_NAME, access: "write", tree }],
  })
  return { child, fd, attachName: ATTACH_NAME, control: caller }
}

/** bwrap's innermost child is the server. */
function lastDescendant(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean)
  const [child] = children
  return child === undefined ? pid : lastDescendant(Number(child))
}

function peakMemory(pid: number): PeakMemory {
  const status = readFileSync(`/proc/${pid}/status`, "utf8")
  const bytes = (field: string) =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? 0) * 1024
  return { peakBytes: bytes("VmHWM"), fileBytes: bytes("RssFile") }
}
