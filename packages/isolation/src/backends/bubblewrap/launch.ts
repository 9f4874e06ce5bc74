import { type ChildProcess, spawn } from "node:child_process"
import { Socket } from "node:net"
import { IsolationError } from "../../backend.ts"
import { readConsole } from "../../console-pieces.ts"
import { type ProcessStat, readChildren, readProcessStat } from "../../process-tree.ts"
import { LAUNCH_DESCRIPTORS, type Launch, launchCommand } from "./command-line.ts"
import { untilClosed } from "./domain.ts"
import { untilDead } from "./stop-tree.ts"

/** Bytes that bwrap may say about itself: it says about 300. */
const INFO_BYTES = 4096

export interface LaunchRequest {
  readonly launch: Launch
  /** Holds the trees. */
  readonly cwd: string
  readonly path: string
  readonly machineId: string
  readonly seccomp: Uint8Array
  readonly onConsole: (untrustedText: string) => void
}

/** A launcher that waits before its gate: nothing of the image runs yet. */
export interface Launcher {
  readonly child: ChildProcess
  readonly pid: number
  readonly channel: Socket
  readonly descriptors: Socket
  /** Lets the launcher go on; resolves to the first process inside, or undefined if there is none. */
  open(): Promise<ProcessStat | undefined>
  /** Resolves after the launcher has ended and the last process inside with it. Rejects if one will not end. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null }>
}

/** Fails with "spawn-failed"; nothing runs then. */
export async function startLauncher(request: LaunchRequest): Promise<Launcher> {
  const [file = "", ...args] = launchCommand(request.launch)
  const child = spawn(file, args, {
    cwd: request.cwd,
    env: { PATH: request.path, LC_ALL: "C" },
    stdio: ["ignore", "pipe", "pipe", ...Object.values(LAUNCH_DESCRIPTORS).map(() => "pipe" as const)],
  })
  const exit = new Promise<{ code: number | null; signal: string | null }>((resolve) => {
    child.on("exit", (code, signal) => resolve({ code, signal }))
  })
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve)
    child.once("error", (cause) => {
      reject(new IsolationError("spawn-failed", `Cannot run ${file}: ${cause.message}`, { cause }))
    })
  })
  const socket = (fd: number): Socket => {
    const stream = child.stdio[fd]
    if (!(stream instanceof Socket)) throw new Error(`Descriptor ${fd} of a launcher is no socket`)
    // A peer that is gone shows in `ended`; what was on its way to it does not matter.
    stream.on("error", () => stream.destroy())
    return stream
  }
  for (const output of [child.stdout, child.stderr]) if (output) readConsole(output, request.onConsole)
  const fd = LAUNCH_DESCRIPTORS
  socket(fd.seccomp).end(request.seccomp)
  socket(fd.machineId).end(`${request.machineId}\n`)
  socket(fd.hostName).end(`${request.launch.hostName}\n`)
  const released = untilClosed(socket(fd.alive))
  const first = firstInside(socket(fd.info), child.pid ?? 0)
  const ended = async () => {
    const [end] = await Promise.all([exit, released])
    const last = await first
    if (last !== undefined) await untilDead(last)
    return end
  }
  return {
    child,
    pid: child.pid ?? 0,
    channel: socket(fd.control),
    descriptors: socket(fd.descriptors),
    open() {
      socket(fd.gate).end("go\n")
      return first
    },
    ended: ended(),
  }
}

/** The only child of bwrap, which is the launcher's; undefined if bwrap ended before it said that there is one. */
async function firstInside(info: Socket, launcher: number): Promise<ProcessStat | undefined> {
  let text = ""
  info.setEncoding("utf8")
  for await (const piece of info) {
    text += piece
    // Not until its end: the launcher has it open as well.
    if (text.includes("}") || text.length > INFO_BYTES) break
  }
  // The pid itself is one of the process namespace around bwrap.
  if (!/"child-pid": \d+/.test(text)) return undefined
  const [bwrap] = await readChildren(launcher)
  const [first] = bwrap === undefined ? [] : await readChildren(bwrap)
  return first === undefined ? undefined : await readProcessStat(first)
}
