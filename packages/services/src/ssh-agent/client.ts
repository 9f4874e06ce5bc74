import { once } from "node:events"
import { chmod, lstat, mkdir, unlink } from "node:fs/promises"
import { connect, createServer, type Server, type Socket } from "node:net"
import { dirname } from "node:path"
import { pipeline } from "node:stream/promises"
import { printable } from "@skerry/model"
import type { Program, ProgramIo } from "../program.ts"
import { SSH_LIMITS } from "./limits.ts"
import { SshError } from "./ssh-reader.ts"

const USAGE = "Usage: skerry-ssh-agent [--socket PATH]"
/** The instance with the keys, where SKERRY_SSH_VAULT names no other. */
const VAULT = "vault"

/** `skerry-ssh-agent`: a socket for SSH_AUTH_SOCK; each connection to it is a call of the vault's skerry.SshAgent. */
export const sshAgentClient: Program = async (io) => {
  const path = socketPath(io)
  const server = await listenForSsh(io, path)
  // As ssh-agent prints it, for a shell's eval.
  io.stdout.write(`SSH_AUTH_SOCK=${path}; export SSH_AUTH_SOCK;\n`)
  await once(server, "close")
  return 0
}

function socketPath({ argv, environment }: ProgramIo): string {
  const { XDG_RUNTIME_DIR, HOME } = environment
  const [option, path, ...more] = argv
  if (option === "--socket" && path !== undefined && more.length === 0) return path
  if (option !== undefined) throw new SshError("usage", USAGE)
  return XDG_RUNTIME_DIR ? `${XDG_RUNTIME_DIR}/skerry-ssh-agent.sock` : `${HOME ?? ""}/.ssh/skerry-agent.sock`
}

/** Listens there, also where an agent that was killed left its socket behind. */
export async function listenForSsh(io: ProgramIo, path: string): Promise<Server> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  if (await isAnswered(path)) throw new SshError("usage", `Something listens at ${printable(path)} already`)
  await removeLeftSocket(path)
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    carry(io, socket).catch((error: unknown) => {
      socket.destroy()
      io.stderr.write(
        `skerry-ssh-agent: ${printable(error instanceof Error ? error.message : String(error))}\n`,
      )
    })
  })
  server.maxConnections = SSH_LIMITS.connections
  server.listen(path)
  await once(server, "listening")
  await chmod(path, 0o600)
  return server
}

async function removeLeftSocket(path: string): Promise<void> {
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error
  })
  if (found === undefined) return
  if (!found.isSocket()) {
    throw new SshError("usage", `Cannot listen there: ${printable(path)} is no socket`)
  }
  await unlink(path)
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once("error", () => resolve(false))
    socket.once("connect", () => {
      socket.destroy()
      resolve(true)
    })
  })
}

async function carry({ openCall, environment, stderr }: ProgramIo, socket: Socket): Promise<void> {
  socket.on("error", () => {})
  const target = environment.SKERRY_SSH_VAULT || VAULT
  const call = await openCall({ target, service: "skerry.SshAgent" })
  call.stderr.on("data", (chunk) => stderr.write(`${printable(String(chunk).trim().slice(0, 1000))}\n`))
  // Either side may go first; the call's end says all there is to say.
  const both = [pipeline(socket, call.stdin), pipeline(call.stdout, socket)]
  for (const each of both) each.catch(() => call.cancel())
  await Promise.allSettled(both)
  await call.exitCode.catch(() => {})
}
