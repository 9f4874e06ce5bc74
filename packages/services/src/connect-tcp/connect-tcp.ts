import { connect, type Socket } from "node:net"
import { pipeline } from "node:stream/promises"
import type { Program } from "../program.ts"
import { findPort, PORT_NAMES_FILE, readPortNames } from "./ports.ts"

/** `qubes.ConnectTCP+PORT`: the call's streams are a connection to that port of this domain itself. */
export const connectTcp: Program = async ({ environment, stdin, stdout }) => {
  const argument = environment.QREXEC_SERVICE_ARGUMENT ?? ""
  const port = findPort(argument, readPortNames(PORT_NAMES_FILE))
  if (port === undefined) {
    throw new Error(
      `${JSON.stringify(argument.slice(0, 64))} is no port: name one from 1 to 65535, or one of ${PORT_NAMES_FILE}`,
    )
  }
  const socket = await connected(port)
  // Each direction ends by itself, as the two of a TCP connection do.
  await Promise.all([pipeline(stdin, socket), pipeline(socket, stdout, { end: false })])
  return 0
}

function connected(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port, allowHalfOpen: true })
    socket.once("connect", () => resolve(socket))
    socket.once("error", (cause: NodeJS.ErrnoException) =>
      reject(new Error(`Cannot connect to port ${port}: ${cause.code ?? cause.message}`, { cause })),
    )
  })
}
