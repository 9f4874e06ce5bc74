import { spawn } from "node:child_process"
import { closeSync, fstatSync, ftruncateSync, mkdirSync, openSync } from "node:fs"
import type { Socket } from "node:net"
import { join } from "node:path"
import type { Readable } from "node:stream"
import { setTimeout } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { openLinux } from "@skerry/linux"
import { CliError } from "./cli-error.ts"
import { type ClientContext, connectToDaemon } from "./client.ts"

const LIMITS = {
  /** From the first attempt until somebody's daemon answers. */
  startMs: 30_000,
  /** Between two looks at whether another process has started the daemon. */
  retryMs: 40,
  /** What a daemon may say about why it cannot start. */
  messageCharacters: 4096,
  /** Bytes of the daemon's log before it starts over. */
  logBytes: 1024 * 1024,
  /** A daemon started on demand ends after so long without domains and clients: templates stay warm meanwhile. */
  idleSeconds: 600,
} as const

/** What a daemon needs of the environment; the rest, secrets perhaps, is not handed to a process that stays. */
const KEPT = /^(PATH|HOME|USER|LOGNAME|LANG|TZ|TMPDIR|XDG_\w+|SKERRY_\w+)$/

/** The daemon's program: beside this one in a bundle, in its own package in the sources. */
export function daemonProgram(programUrl: string): string {
  const relative = programUrl.endsWith(".ts") ? "../../daemon/src/main.ts" : "skerryd.js"
  return fileURLToPath(new URL(relative, programUrl))
}

/** Starts the daemon, or waits for whoever is starting it: of many processes that try at once, one does. */
export async function startDaemon(context: ClientContext): Promise<Socket> {
  const { runtime } = context.paths
  const lock = openStartLock(runtime)
  try {
    const linux = openLinux()
    for (const deadline = Date.now() + LIMITS.startMs; Date.now() < deadline; ) {
      const isOurs = linux.tryLock(lock)
      // Also with the lock: the one who had it before may have started the daemon just now.
      const socket = await connectToDaemon(context)
      if (socket !== undefined) return socket
      if (isOurs && (await spawnDaemon(context)) === "listens") continue
      await setTimeout(LIMITS.retryMs, undefined, { signal: context.signal })
    }
  } finally {
    closeSync(lock)
  }
  throw new CliError(
    "refused",
    `The daemon did not answer within ${LIMITS.startMs / 1000} s; its log is ${join(runtime, "skerryd.log")}`,
  )
}

function openStartLock(runtime: string): number {
  try {
    mkdirSync(runtime, { recursive: true, mode: 0o700 })
    return openSync(join(runtime, "start.lock"), "a", 0o600)
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    throw new CliError(
      "refused",
      `Cannot write ${runtime}: ${code ?? message}; give yourself access, or set SKERRY_HOME to a directory that you can write`,
      { cause },
    )
  }
}

/** "later": a daemon that is on its way to its end has the place still. */
async function spawnDaemon({ paths, environment, programUrl }: ClientContext): Promise<"listens" | "later"> {
  const log = openSync(join(paths.runtime, "skerryd.log"), "a", 0o600)
  if (fstatSync(log).size > LIMITS.logBytes) ftruncateSync(log)
  const words = [daemonProgram(programUrl), "--ready-fd", "3", "--idle-seconds", String(LIMITS.idleSeconds)]
  const child = spawn(process.execPath, words, {
    cwd: "/",
    detached: true,
    env: Object.fromEntries(Object.entries(environment).filter(([name]) => KEPT.test(name))),
    stdio: ["ignore", log, log, "pipe"],
  })
  closeSync(log)
  try {
    const said = await readMessage(child.stdio[3] as Readable)
    if (said === "ready\n") return "listens"
    const [, code, message] = /^(\S+) (.+)\n$/s.exec(said) ?? []
    if (code === "already-running") return "later"
    const log = join(paths.runtime, "skerryd.log")
    throw new CliError("refused", message ?? `The daemon ended while it started; its log is ${log}`)
  } finally {
    child.unref()
  }
}

async function readMessage(stream: Readable): Promise<string> {
  let text = ""
  for await (const chunk of stream) {
    text = (text + String(chunk)).slice(0, LIMITS.messageCharacters)
    if (text === "ready\n") break
  }
  return text
}
