import { type ChildProcess, spawn } from "node:child_process"
import { closeSync, openSync } from "node:fs"
import { constants } from "node:os"
import { basename } from "node:path"
import type { PipeEnds, ProgramIo, ServiceCall } from "../program.ts"

const SIGNAL_STATUS = 128
const NOT_FOUND = 127
const NOT_EXECUTABLE = 126

export interface LocalRun {
  readonly call: ServiceCall
  /** In place of the call's streams. */
  readonly pipes: PipeEnds | undefined
  readonly environment: ProgramIo["environment"]
}

/**
 * Runs a program whose stdin is the service's output and whose stdout is its input; its own streams it finds as
 * descriptors SAVED_FD_0 and SAVED_FD_1. Its exit status; the service is given time to end.
 */
export async function runLocal(
  [file = "", ...args]: readonly string[],
  { call, pipes, environment }: LocalRun,
): Promise<number> {
  const ends = pipes && openPipes(pipes)
  const child = spawn(file, args, {
    argv0: basename(file),
    stdio: [ends?.stdout ?? "pipe", ends?.stdin ?? "pipe", "inherit", 0, 1],
    env: { ...environment, SAVED_FD_0: "3", SAVED_FD_1: "4" },
  })
  if (ends === undefined) joinStreams(child, call)
  else for (const fd of [ends.stdin, ends.stdout]) closeSync(fd)
  const local = await new Promise<number>((resolve) => {
    child.once("error", (error: NodeJS.ErrnoException) => {
      console.error(`Cannot run ${JSON.stringify(file)}: ${error.message}`)
      resolve(error.code === "ENOENT" ? NOT_FOUND : NOT_EXECUTABLE)
    })
    child.once("close", (code, signal) => {
      resolve(code ?? SIGNAL_STATUS + (signal === null ? 0 : constants.signals[signal]))
    })
  })
  if (!call.stdin.writableEnded) call.stdin.end()
  await call.exitCode.catch(() => {})
  return local
}

function openPipes({ stdinPath, stdoutPath, taken }: PipeEnds): { stdin: number; stdout: number } {
  const stdin = openSync(stdinPath, "w")
  const stdout = openSync(stdoutPath, "r")
  taken()
  return { stdin, stdout }
}

function joinStreams(child: ChildProcess, call: ServiceCall): void {
  const { stdin, stdout } = child
  if (stdin === null || stdout === null) throw new Error("The program was started without its pipes")
  // A program need not read all that a service says, nor write all that it could.
  stdin.on("error", () => call.stdout.resume())
  call.stdout.pipe(stdin)
  stdout.pipe(call.stdin)
}
