import { type AddressInfo, createServer, type Socket } from "node:net"
import { pipeline } from "node:stream/promises"
import { printable, printableLines } from "@skerry/model"
import type { Program, ProgramIo } from "../program.ts"

export const FORWARD_LIMITS = {
  /** Connections at once: each is a call, and a domain's calls are limited. */
  connections: 128,
} as const

export interface ForwardSpec {
  readonly localPort: number
  readonly target: string
  /** A number, or a name that the target's domain knows. */
  readonly port: string
}

/** `[LOCALPORT]:[DOMAIN]:PORT`; without a local port it is the same one, without a domain the policy's choice. */
export function parseForward(word: string): ForwardSpec {
  const [, local = "", target = "", port = ""] =
    /^(\d{0,5}):(@dispvm:[a-z0-9-]+|[@A-Za-z0-9_.-]*):([A-Za-z0-9_.-]{1,64})$/.exec(word) ?? []
  const localPort = Number(local || port)
  if (
    port === "" ||
    !Number.isInteger(localPort) ||
    localPort > 65_535 ||
    (local === "" && localPort === 0)
  ) {
    throw new Error(`Cannot use ${JSON.stringify(word)}: write [LOCALPORT]:[DOMAIN]:PORT`)
  }
  return { localPort, target: target || "@default", port }
}

/** `qvm-connect-tcp`: runs until it is ended. */
export const qvmConnectTcp: Program = async (io) => {
  const [word = ""] = io.argv
  const spec = parseForward(word)
  await using forward = await openForward(spec, io)
  io.stderr.write(`Binding TCP '${spec.target}:${spec.port}' to 'localhost:${forward.port}'...\n`)
  return await new Promise<never>(() => {})
}

export interface Forward extends AsyncDisposable {
  readonly port: number
}

/** Listens on this domain's own address alone; every connection is a call. */
export async function openForward(
  { localPort, target, port }: ForwardSpec,
  { openCall, stderr }: Pick<ProgramIo, "openCall" | "stderr">,
): Promise<Forward> {
  const open = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket)
    void carry(socket).catch((error: unknown) => {
      stderr.write(`${printable(error instanceof Error ? error.message : String(error))}\n`)
      socket.destroy()
    })
    socket.once("close", () => open.delete(socket))
  })
  server.maxConnections = FORWARD_LIMITS.connections
  const carry = async (socket: Socket) => {
    const call = await openCall({ target, service: "qubes.ConnectTCP", argument: port })
    call.stderr.on("data", (untrustedBytes: Buffer) =>
      stderr.write(printableLines(untrustedBytes.toString("utf8"))),
    )
    socket.once("close", () => call.cancel())
    await Promise.all([pipeline(socket, call.stdin), pipeline(call.stdout, socket), call.exitCode])
  }
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject)
    server.listen({ host: "127.0.0.1", port: localPort }, resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
