import { type ChildProcess, spawn } from "node:child_process"
import { closeSync } from "node:fs"
import { constants } from "node:os"
import { CallFailure, type Exit } from "@skerry/rpc"
import type { Account } from "./accounts.ts"
import type { Environment } from "./environment.ts"
import { AGENT } from "./limits.ts"

/** What to run, with everything decided. */
export interface CommandSpec {
  /** The program's file, absolute. */
  readonly file: string
  readonly argv: readonly string[]
  readonly environment: Environment
  readonly workingDirectory: string
  readonly account: Account
}

/** How this agent starts processes. */
export interface Spawner {
  /** Command line before another one that makes its stdin the controlling terminal of a session of its own. */
  readonly setsid: readonly string[]
  /** The agent is root and takes on other accounts; otherwise everything runs as the agent itself. */
  readonly canSwitchAccount: boolean
}

/** A running command, the leader of a process group of its own. */
export interface Process {
  readonly pid: number
  /** Never rejects. */
  readonly exited: Promise<Exit>
  /** To the whole group; nothing once the leader has ended. */
  signal(number: number): void
  /** TERM now, KILL after the grace time. */
  end(): void
}

/**
 * Starts a command with these descriptors as stdin, stdout and stderr; they are closed here, also if this throws.
 * Throws CallFailure "spawn-failed", or "not-executable" for what only the kernel can tell.
 */
export async function startProcess(
  spawner: Spawner,
  spec: CommandSpec,
  stdio: readonly [number, number, number],
  session: "background" | "terminal",
): Promise<Process> {
  try {
    const child = spawnChild(spawner, spec, stdio, session)
    await new Promise<void>((resolve, reject) => child.once("spawn", resolve).once("error", reject))
    return watch(child)
  } catch (cause) {
    throw spawnFailure(spec, cause)
  } finally {
    for (const fd of new Set(stdio)) closeSync(fd)
  }
}

function spawnChild(
  spawner: Spawner,
  spec: CommandSpec,
  stdio: readonly [number, number, number],
  session: "background" | "terminal",
): ChildProcess {
  const [argv0 = spec.file, ...args] = spec.argv
  const { uid, gid } = spec.account
  const options = {
    cwd: spec.workingDirectory,
    env: { ...spec.environment },
    stdio: [...stdio],
    ...(spawner.canSwitchAccount ? { uid, gid } : {}),
  }
  if (session === "background") return spawn(spec.file, args, { ...options, argv0, detached: true })
  const [setsid = "", ...setsidArgs] = spawner.setsid
  // Not detached: setsid would have to fork, and the command would not be the process that is waited for.
  return spawn(setsid, [...setsidArgs, spec.file, ...args], options)
}

function watch(child: ChildProcess): Process {
  const pid = child.pid ?? 0
  let isRunning = true
  let killTimer: NodeJS.Timeout | undefined
  const { promise: exited, resolve } = Promise.withResolvers<Exit>()
  child.once("exit", (code, signal) => {
    isRunning = false
    clearTimeout(killTimer)
    resolve(
      signal === null
        ? { kind: "code", code: code ?? 0 }
        : { kind: "signal", signal: constants.signals[signal] },
    )
  })
  const signal = (number: number) => {
    if (isRunning) signalGroup(pid, number)
  }
  return {
    pid,
    exited,
    signal,
    end() {
      signal(constants.signals.SIGTERM)
      killTimer ??= setTimeout(() => signal(constants.signals.SIGKILL), AGENT.killGraceMs)
    },
  }
}

function signalGroup(pid: number, number: number): void {
  // A terminal's command makes its group itself, and may not have come to that yet.
  for (const target of [-pid, pid]) {
    try {
      process.kill(target, number)
      return
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error
    }
  }
}

function spawnFailure(spec: CommandSpec, cause: unknown): CallFailure {
  const errno = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause)
  const shown = JSON.stringify(spec.argv[0])
  // The file was found before: what is missing is the interpreter that it names.
  if (errno === "ENOENT")
    return new CallFailure("not-executable", `Cannot run ${shown}: its interpreter is missing`)
  if (errno === "EACCES" || errno === "ENOEXEC") {
    return new CallFailure("not-executable", `Cannot run ${shown}: ${spec.account.name} may not execute it`)
  }
  return new CallFailure("spawn-failed", `Cannot run ${shown}: the domain's kernel said ${errno}`, { cause })
}
