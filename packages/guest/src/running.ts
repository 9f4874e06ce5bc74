import { closeSync } from "node:fs"
import type { Linux, WindowSize } from "@skerry/linux"
import { type CallerStreams, type Carried, carryPipes, carryTerminal } from "./carry.ts"
import { type CommandSpec, type Process, type Spawner, startProcess } from "./process.ts"

/** A command with its streams joined to something. */
export interface Running {
  readonly process: Process
  readonly carried: Carried
  resize(size: WindowSize): void
}

export interface StreamHost extends Spawner {
  readonly linux: Linux
}

const noTerminal = () => {}

export async function runOnPipes(
  host: StreamHost,
  spec: CommandSpec,
  caller: CallerStreams,
): Promise<Running> {
  const { linux } = host
  const [stdin, stdout, stderr] = [linux.pipe(), linux.pipe(), linux.pipe()]
  const ours = { stdin: stdin.write, stdout: stdout.read, stderr: stderr.read }
  const theirs = [stdin.read, stdout.write, stderr.write] as const
  const process = await startProcess(host, spec, theirs, "background").catch((error: unknown) => {
    for (const fd of Object.values(ours)) closeSync(fd)
    throw error
  })
  return { process, carried: carryPipes(linux, ours, caller), resize: noTerminal }
}

export async function runOnTerminal(
  host: StreamHost,
  spec: CommandSpec,
  size: WindowSize,
  caller: CallerStreams,
): Promise<Running> {
  const { linux } = host
  const { master, slave } = linux.openPty(size)
  const process = await startProcess(host, spec, [slave, slave, slave], "terminal").catch(
    (error: unknown) => {
      closeSync(master)
      throw error
    },
  )
  return {
    process,
    carried: carryTerminal(linux, master, caller),
    resize: (size) => linux.setWindowSize(master, size),
  }
}

/** The command reads and writes the host's own pipes: nothing is carried. Owns the descriptors. */
export async function runOnDescriptors(
  host: StreamHost,
  spec: CommandSpec,
  descriptors: readonly [number, number, number],
): Promise<Running> {
  const process = await startProcess(host, spec, descriptors, "background")
  return { process, carried: { finish: async () => {} }, resize: noTerminal }
}
