import { chmodSync, rmSync } from "node:fs"
import { createServer, type Server, type Socket } from "node:net"

/** The account of the process at the other end of a Unix socket, from the kernel. */
export type PeerUid = (socketDescriptor: number) => number

export interface LocalServerOptions {
  readonly path: string
  /** The account that this daemon runs for; root may connect as well. */
  readonly uid: number
  readonly peerUid: PeerUid
  /** Sockets reach `onSocket` without Node having read from them. */
  readonly isPaused: boolean
  readonly onSocket: (socket: Socket, descriptor: number) => void
}

/** Listens on a Unix socket in a private directory; the caller holds the home lock, so what lies there is stale. */
export async function listenLocally(options: LocalServerOptions): Promise<Server> {
  const { path, uid, peerUid, onSocket } = options
  const server = createServer({ pauseOnConnect: options.isPaused }, (socket) => {
    const descriptor = descriptorOf(socket)
    const peer = descriptor === undefined ? undefined : peerUid(descriptor)
    // The directory's mode keeps others out already; this holds even where someone opened it up.
    if (descriptor === undefined || (peer !== uid && peer !== 0)) {
      socket.destroy()
      return
    }
    onSocket(socket, descriptor)
  })
  rmSync(path, { force: true })
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject)
    server.listen({ path, backlog: 1024 }, () => {
      server.off("error", reject)
      resolve()
    })
  })
  chmodSync(path, 0o600)
  return server
}

/** Node has no public name for it; every libuv stream handle on Unix has this property. */
function descriptorOf(socket: Socket): number | undefined {
  const handle = (socket as { _handle?: { fd?: unknown } })._handle
  return typeof handle?.fd === "number" && handle.fd >= 0 ? handle.fd : undefined
}
