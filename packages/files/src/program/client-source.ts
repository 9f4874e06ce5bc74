import type { Linux } from "@skerry/linux"
import { DescriptorQueue, findVirtioPort, type Loop, openVirtioPort } from "@skerry/loop"
import { ServerError } from "./server-error.ts"

/** Where clients' connections come from. */
export interface ClientSource {
  /**
   * Calls `onOpen` with the descriptor of this client, which is the caller's then: at once, or when its other side is there. What is
   * returned ends the waiting. Throws ServerError "unknown-client".
   */
  open(client: number, onOpen: (fd: number) => void): () => void
}

/** Level process: descriptors come over a socket, each under its client's label, before the call that names it. */
export function descriptorClients(linux: Linux, socketFd: number): ClientSource {
  const queue = new DescriptorQueue(linux, socketFd)
  return {
    open(client, onOpen) {
      const [fd] = queue.takeExactly(client, 1) ?? []
      if (fd === undefined) throw new ServerError("unknown-client", `No descriptor came for client ${client}`)
      onOpen(fd)
      return () => {}
    },
  }
}

/** Level vm: each client is a port of this machine. */
export function portClients(
  host: { readonly loop: Loop; readonly linux: Linux },
  portsDirectory: string,
): ClientSource {
  return {
    open(client, onOpen) {
      const name = clientPortName(client)
      const { first, most } = PORT_LOOKS_MS
      let giveUp = () => {}
      // The host has plugged it in; the kernel of this machine gets to it in its own time.
      const look = (pauseMs: number) => {
        const device = findVirtioPort(portsDirectory, name)
        giveUp =
          device === undefined
            ? host.loop.after(pauseMs, () => look(Math.min(pauseMs * 2, most)))
            : openVirtioPort(host, device, onOpen)
      }
      look(first)
      return () => giveUp()
    },
  }
}

/** Between two looks for a client's port: first, and at most. */
const PORT_LOOKS_MS = { first: 2, most: 50 } as const

export const clientPortName = (client: number) => `skerry.client.${client}`
