import { closeSync } from "node:fs"
import { Socket } from "node:net"
import type { Duplex, Readable, Writable } from "node:stream"
import type { Linux } from "@skerry/linux"
import { openKernelStream } from "./kernel-stream.ts"
import { AGENT } from "./limits.ts"
import { Output } from "./output.ts"

/** The caller's ends of a command's streams. */
export interface CallerStreams {
  readonly stdin: Readable
  readonly stdout: Writable
  readonly stderr: Writable
}

/** The agent's ends of a command's streams, joined to the caller's. */
export interface Carried {
  /** The command has ended; resolves when all its output was handed to the caller's streams. */
  finish(): Promise<void>
}

/** Joins three pipes; owns the descriptors. */
export function carryPipes(
  linux: Linux,
  ours: { readonly stdin: number; readonly stdout: number; readonly stderr: number },
  caller: CallerStreams,
): Carried {
  const stdin = new Socket({ fd: ours.stdin, readable: false, writable: true })
  carryInput(caller.stdin, stdin)
  caller.stdin.once("end", () => stdin.end())
  const output = (fd: number, sink: Writable) => {
    const source = new Socket({ fd, readable: true, writable: false })
    return new Output({ source, sink, bytesWaiting: () => linux.bytesWaiting(fd), settleMs: 0 })
  }
  return carried(stdin, [output(ours.stdout, caller.stdout), output(ours.stderr, caller.stderr)])
}

/** The end of input, as typed: a terminal has no other. */
const END_OF_INPUT = Buffer.from([4])

/** Joins a terminal's master; owns the descriptor. */
export function carryTerminal(linux: Linux, master: number, caller: CallerStreams): Carried {
  // The stream closes its descriptor when the last process has closed the terminal. The master itself stays open to
  // the end: closing it would hang up a command that is about to exit.
  const terminal = openKernelStream(linux.duplicate(master))
  carryInput(caller.stdin, terminal)
  caller.stdin.once("end", () => terminal.writable && terminal.write(END_OF_INPUT))
  const output = new Output({
    source: terminal,
    sink: caller.stdout,
    bytesWaiting: () => linux.bytesWaiting(master),
    settleMs: AGENT.terminalSettleMs,
  })
  return carried(terminal, [output], () => closeSync(master))
}

/** A command may close its input early: what comes after that is dropped, and it is no error. */
function carryInput(source: Readable, target: Writable): void {
  source.pipe(target, { end: false })
  target.on("error", () => source.destroy())
}

function carried(stdin: Writable | Duplex, outputs: readonly Output[], close = () => {}): Carried {
  return {
    async finish() {
      for (const output of outputs) output.commandExited()
      await Promise.all(outputs.map(({ done }) => done))
      for (const output of outputs) output.destroy()
      stdin.destroy()
      close()
    },
  }
}
