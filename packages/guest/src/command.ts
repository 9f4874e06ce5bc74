import { chownSync, closeSync } from "node:fs"
import type { ProcessEnd, WindowSize } from "@skerry/linux"
import { type CallState, STREAM } from "@skerry/rpc"
import { Input } from "./input.ts"
import { AGENT } from "./limits.ts"
import { Output } from "./output.ts"
import { type CommandSpec, Process, type ProcessHost } from "./process.ts"

/** A command with its streams joined to something. */
export interface Command {
  readonly process: Process
  resize(size: WindowSize): void
}

/** Each starts a command, and calls `onEnd` when it has ended and all that it wrote is with the caller's streams. */
type OnEnd = (end: ProcessEnd) => void

const noTerminal = () => {}

export function runOnPipes(host: ProcessHost, spec: CommandSpec, call: CallState, onEnd: OnEnd): Command {
  const { linux } = host
  const [stdin, stdout, stderr] = [linux.pipe(), linux.pipe(), linux.pipe()]
  const ours = [stdin.write, stdout.read, stderr.read]
  const theirs = [stdin.read, stdout.write, stderr.write] as const
  const carried = new Carried(onEnd)
  const process = startOr(
    () => new Process(host, spec, theirs, (end) => carried.commandExited(end)),
    theirs,
    ours,
  )
  linux.setBlocking(stdin.write, false)
  const onDone = () => carried.finishIfDone()
  const input = new Input(host, { fd: stdin.write, source: call.received(STREAM.stdin), end: undefined })
  carried.own(input, [
    new Output(host, { fd: stdout.read, sink: call.sent(STREAM.stdout), settleMs: 0, onDone }),
    new Output(host, { fd: stderr.read, sink: call.sent(STREAM.stderr), settleMs: 0, onDone }),
  ])
  return { process, resize: noTerminal }
}

/** The end of input, as typed. */
const END_OF_INPUT = Buffer.from([4])
/** Debian's group of terminals. */
const TTY_GID = 5

export function runOnTerminal(
  host: ProcessHost,
  spec: CommandSpec,
  size: WindowSize,
  call: CallState,
  onEnd: OnEnd,
): Command {
  const { linux } = host
  const { master, slave } = linux.openPty(size)
  const carried = new Carried(onEnd)
  const process = startOr(
    () => {
      const path = linux.terminalPath(master)
      // Programs open their terminal by name, and expect it to be theirs.
      if (host.canSwitchAccount) chownSync(path, spec.account.uid, TTY_GID)
      return new Process(host, spec, path, (end) => carried.commandExited(end))
    },
    [slave],
    [master],
  )
  linux.setBlocking(master, false)
  const output = linux.duplicate(master)
  // The master stays open to the end: closing it would hang up a command that is about to exit.
  const input = new Input(host, { fd: master, source: call.received(STREAM.stdin), end: END_OF_INPUT })
  carried.own(input, [
    new Output(host, {
      fd: output,
      sink: call.sent(STREAM.stdout),
      settleMs: AGENT.terminalSettleMs,
      onDone: () => carried.finishIfDone(),
    }),
  ])
  return { process, resize: (size) => carried.isOpen && linux.setWindowSize(master, size) }
}

/** The command reads and writes the host's own pipes: nothing is carried. Owns the descriptors. */
export function runOnDescriptors(
  host: ProcessHost,
  spec: CommandSpec,
  descriptors: readonly [number, number, number],
  onEnd: OnEnd,
): Command {
  const process = startOr(() => new Process(host, spec, descriptors, onEnd), descriptors, [])
  return { process, resize: noTerminal }
}

/** The command reads and writes the host's own pipes; what it writes to stderr is carried. Owns the descriptors once it runs. */
export function runOnHostPipes(
  host: ProcessHost,
  spec: CommandSpec,
  [stdin, stdout]: readonly [number, number],
  call: CallState,
  onEnd: OnEnd,
): Command {
  const stderr = host.linux.pipe()
  const carried = new Carried(onEnd)
  const start = () =>
    new Process(host, spec, [stdin, stdout, stderr.write], (end) => carried.commandExited(end))
  const process = startOr(start, [stderr.write], [stderr.read])
  for (const fd of [stdin, stdout]) closeSync(fd)
  const onDone = () => carried.finishIfDone()
  carried.own({ close: () => {} }, [
    new Output(host, { fd: stderr.read, sink: call.sent(STREAM.stderr), settleMs: 0, onDone }),
  ])
  return { process, resize: noTerminal }
}

/** Closes the command's descriptors in any case, and ours if it does not start. */
function startOr(start: () => Process, theirs: readonly number[], ours: readonly number[]): Process {
  try {
    return start()
  } catch (error) {
    for (const fd of ours) closeSync(fd)
    throw error
  } finally {
    for (const fd of new Set(theirs)) closeSync(fd)
  }
}

/** The agent's ends of a command's streams, from its start until its end has been told. */
class Carried {
  readonly #onEnd: OnEnd
  #input: Pick<Input, "close"> | undefined
  #outputs: readonly Output[] = []
  #end: ProcessEnd | undefined

  constructor(onEnd: OnEnd) {
    this.#onEnd = onEnd
  }

  get isOpen(): boolean {
    return this.#input !== undefined
  }

  own(input: Pick<Input, "close">, outputs: readonly Output[]): void {
    this.#input = input
    this.#outputs = outputs
  }

  commandExited(end: ProcessEnd): void {
    this.#end = end
    for (const output of this.#outputs) output.commandExited()
    this.finishIfDone()
  }

  finishIfDone(): void {
    const input = this.#input
    if (this.#end === undefined || input === undefined) return
    if (this.#outputs.some(({ isDone }) => !isDone)) return
    this.#input = undefined
    for (const output of this.#outputs) output.close()
    input.close()
    this.#onEnd(this.#end)
  }
}
