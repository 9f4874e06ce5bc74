import { lstatSync, type Stats } from "node:fs"
import { connect, type Socket } from "node:net"
import { Connection } from "@skerry/rpc"
import { CliError } from "./cli-error.ts"
import type { CommandContext } from "./command.ts"

/*
 * On the way of every `skerry run`: nothing is imported here that connecting to a running daemon does not need.
 */

export type ClientContext = Pick<CommandContext, "paths" | "uid" | "environment" | "programUrl" | "signal">

/** A connection to this account's daemon, which is started where none runs. */
export async function openClient(context: ClientContext): Promise<Connection> {
  const socket = await connectToDaemon(context)
  if (socket !== undefined) return new Connection(socket)
  const { startDaemon } = await import("./client-start.ts")
  return new Connection(await startDaemon(context))
}

/** A connection to a daemon that runs already; undefined if there is none. */
export async function openRunningClient(context: ClientContext): Promise<Connection | undefined> {
  const socket = await connectToDaemon(context)
  return socket && new Connection(socket)
}

/** For what concerns a domain that runs: where no daemon does, none is started to say that there is no such domain. */
export async function openClientOfDomain(context: ClientContext, domain = ""): Promise<Connection> {
  const connection = await openRunningClient(context)
  if (connection !== undefined) return connection
  throw new CliError("refused", `No domain ${JSON.stringify(domain)} runs: "skerry ps" lists those that do`)
}

/** Undefined: no daemon listens. */
export function connectToDaemon({
  paths,
  uid,
}: Pick<ClientContext, "paths" | "uid">): Promise<Socket | undefined> {
  // In a directory that others can write to (/tmp), a stranger may have been first.
  const found = lookAt(paths.runtime)
  if (found === undefined) return Promise.resolve(undefined)
  if (!found.isDirectory() || found.uid !== uid) {
    throw new CliError(
      "refused",
      `Cannot trust ${paths.runtime}: it belongs to user ${found.uid}, not to you (${uid}); remove it, or set SKERRY_HOME to a directory of your own`,
    )
  }
  const path = `${paths.runtime}/skerryd.sock`
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    socket.once("connect", () => {
      socket.off("error", fail)
      resolve(socket)
    })
    const fail = (error: NodeJS.ErrnoException) => {
      // A socket file without a listener is what a daemon that was killed left behind.
      if (error.code === "ENOENT" || error.code === "ECONNREFUSED") resolve(undefined)
      else if (error.code === "EAGAIN") resolve(connectLater({ paths, uid }))
      else
        reject(
          new CliError("refused", `Cannot connect to the daemon at ${path}: ${error.message}`, {
            cause: error,
          }),
        )
    }
    socket.once("error", fail)
  })
}

function lookAt(runtime: string): Stats | undefined {
  try {
    return lstatSync(runtime, { throwIfNoEntry: false })
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    throw new CliError(
      "refused",
      `Cannot look at ${runtime}: ${code ?? message}; give yourself access, or set SKERRY_HOME to a directory of your own`,
      { cause },
    )
  }
}

/** The daemon's queue of connections is full for the moment. */
async function connectLater(context: Pick<ClientContext, "paths" | "uid">): Promise<Socket | undefined> {
  await new Promise((resolve) => setTimeout(resolve, 20))
  return connectToDaemon(context)
}
