import { readFileSync } from "node:fs"
import { join } from "node:path"
import { printable } from "@skerry/model"
import { ADMIN, type DaemonStatus } from "@skerry/rpc"
import { CliError } from "../cli-error.ts"
import { openRunningClient } from "../client.ts"
import { readRows } from "../client-lines.ts"
import { daemonProgram } from "../client-start.ts"
import { type CommandContext, defineCommand } from "../command.ts"
import { isolationWords } from "../render/isolation.ts"
import { showJson } from "../render/table.ts"

export const command = defineCommand({
  name: "daemon",
  summary: "Run the daemon in the foreground, ask after it, or end it",
  description: [
    "The daemon starts by itself with the first command that needs it, and ends ten minutes after the last. Run it in the foreground under a supervisor that keeps it; SIGTERM ends its domains and then itself.",
  ],
  arguments: [],
  options: {
    status: { kind: "flag", summary: "Say what the running daemon has and can do" },
    json: { kind: "flag", summary: "With --status: as JSON" },
    log: { kind: "flag", summary: "Show the log of the daemon that started by itself" },
    stop: { kind: "flag", summary: "End the running daemon with all its domains" },
    "idle-seconds": {
      kind: "value",
      placeholder: "N",
      summary: "End after N seconds without domains and clients; never, unless given",
    },
  },
  examples: [
    { command: "skerry daemon", summary: "Under a supervisor" },
    { command: "skerry daemon --status", summary: "Is it there, and what can it use?" },
    { command: "skerry daemon --stop", summary: "End everything" },
  ],
  async run(context, { options }) {
    if (options.stop) return stop(context)
    if (options.status) return status(context, options.json)
    if (options.log) return showLog(context)
    return runInForeground(context, options["idle-seconds"])
  },
})

async function stop(context: CommandContext): Promise<number> {
  const connection = await openRunningClient(context)
  if (connection === undefined) return 0
  // It closes the connection as its last act.
  await connection.call(ADMIN.shutDown, undefined, { signal: context.signal }).result
  await connection.closed
  return 0
}

async function status(context: CommandContext, isJson: boolean): Promise<number> {
  const connection = await openRunningClient(context)
  if (connection === undefined) {
    context.stdout.write(
      isJson ? showJson(null) : "No daemon runs; the next command that needs one starts it.\n",
    )
    return 0
  }
  const method = ADMIN.status
  for await (const found of readRows<undefined, DaemonStatus>(
    connection,
    method,
    undefined,
    context.signal,
  )) {
    context.stdout.write(isJson ? showJson(found) : describe(found))
  }
  return 0
}

function describe(found: DaemonStatus): string {
  const backends = found.backends.map(
    ({ level, name, acceleration, problem }) =>
      `  ${isolationWords(level, name, acceleration)}${problem === undefined ? "" : `: cannot be used: ${printable(problem)}`}\n`,
  )
  return [
    `skerryd ${found.version}, process ${found.pid}, generation ${found.generation ?? "not read yet"}\n`,
    `Domains: ${found.domains}, starting: ${found.starting}, in line: ${found.waiting}, `,
    `standing by: ${found.standby}; templates: ${found.templates}\n`,
    ...backends,
  ].join("")
}

function showLog({ paths, stdout }: CommandContext): number {
  const path = join(paths.runtime, "skerryd.log")
  try {
    stdout.write(readFileSync(path))
  } catch (cause) {
    throw new CliError("refused", `There is no log at ${path}: no daemon has started by itself`, { cause })
  }
  return 0
}

/** Becomes the daemon, so that a supervisor has the daemon itself: its signals, its end, its status. Does not return. */
function runInForeground(context: CommandContext, idleSeconds: string | undefined): never {
  if (idleSeconds !== undefined && !/^[0-9]{1,7}$/.test(idleSeconds)) {
    throw new CliError(
      "usage",
      `Cannot wait ${JSON.stringify(idleSeconds)}: --idle-seconds takes a number of seconds`,
    )
  }
  const words = [process.execPath, daemonProgram(context.programUrl)]
  if (idleSeconds !== undefined) words.push("--idle-seconds", idleSeconds)
  const { execve } = process
  if (execve === undefined)
    throw new CliError("refused", "This Node cannot become another program; use Node 24")
  return execve(process.execPath, words, { ...context.environment })
}
