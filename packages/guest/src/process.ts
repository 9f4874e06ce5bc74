import { closeSync } from "node:fs"
import { constants } from "node:os"
import { type Linux, LinuxError, POLL, type ProcessEnd } from "@skerry/linux"
import type { Loop } from "@skerry/loop"
import { CallFailure } from "@skerry/rpc"
import type { Account } from "./accounts.ts"
import { AGENT } from "./limits.ts"
import { checkDirectory } from "./program.ts"

/** What to run, with everything decided. */
export interface CommandSpec {
  /** The program's file, absolute. */
  readonly file: string
  readonly argv: readonly string[]
  /** NAME=value each. */
  readonly environment: readonly string[]
  readonly workingDirectory: string
  readonly account: Account
}

/** What processes are started on. */
export interface ProcessHost {
  readonly loop: Loop
  readonly linux: Linux
  /** The agent is root and takes on other accounts; otherwise everything runs as the agent itself. */
  readonly canSwitchAccount: boolean
}

/** Three descriptors, or the path of a terminal. */
export type Stdio = readonly [number, number, number] | string

/** A running command, the leader of a session and process group of its own. */
export class Process {
  readonly pid: number
  readonly #loop: Loop
  #isRunning = true
  #stopWaiting = () => {}

  /** Throws CallFailure "spawn-failed", "bad-directory", or "not-executable" for what only the kernel can tell. */
  constructor(host: ProcessHost, spec: CommandSpec, stdio: Stdio, onExit: (end: ProcessEnd) => void) {
    const { linux, loop } = host
    this.#loop = loop
    this.pid = spawn(host, spec, stdio)
    const pidfd = linux.openPidfd(this.pid)
    const watch = loop.watch(pidfd, () => {
      const end = linux.collectChild(pidfd)
      if (end === undefined) return
      this.#isRunning = false
      this.#stopWaiting()
      watch.close()
      closeSync(pidfd)
      onExit(end)
    })
    watch.want(POLL.in)
  }

  /** To the whole group; nothing once the leader has ended. */
  signal(number: number): void {
    if (!this.#isRunning) return
    try {
      process.kill(-this.pid, number)
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error
    }
  }

  /** TERM now, KILL after the grace time. */
  end(): void {
    this.signal(constants.signals.SIGTERM)
    this.#stopWaiting()
    this.#stopWaiting = this.#loop.after(AGENT.killGraceMs, () => this.signal(constants.signals.SIGKILL))
  }
}

function spawn({ linux, canSwitchAccount }: ProcessHost, spec: CommandSpec, stdio: Stdio): number {
  const { file, argv, environment, workingDirectory, account } = spec
  try {
    return linux.spawn({
      file,
      argv,
      environment,
      workingDirectory,
      stdio,
      account: canSwitchAccount && account.uid !== 0 ? account : undefined,
    })
  } catch (error) {
    if (!(error instanceof LinuxError)) throw error
    throw spawnFailure(spec, error)
  }
}

/** The kernel says what failed, not at which step. */
function spawnFailure(spec: CommandSpec, cause: LinuxError): CallFailure {
  checkDirectory(spec.workingDirectory, spec.account)
  const shown = JSON.stringify(spec.argv[0])
  // The file was found before: what is missing is the interpreter that it names.
  if (cause.code === "ENOENT")
    return new CallFailure("not-executable", `Cannot run ${shown}: its interpreter is missing`)
  if (cause.code === "EACCES" || cause.code === "ENOEXEC") {
    return new CallFailure("not-executable", `Cannot run ${shown}: ${spec.account.name} may not execute it`)
  }
  return new CallFailure("spawn-failed", `Cannot run ${shown}: the domain's kernel said ${cause.code}`, {
    cause,
  })
}
