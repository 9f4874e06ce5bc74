import { closeSync, constants, openSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import type { Linux } from "@skerry/linux"
import { PORT_LIMITS } from "./limits.ts"
import type { Loop } from "./loop.ts"

/** Where a machine's kernel lists its virtio ports. */
export const VIRTIO_PORTS = "/sys/class/virtio-ports"

/** The device of the port that the host has named so; undefined: there is none (yet). */
export function findVirtioPort(portsDirectory: string, name: string): string | undefined {
  for (const port of readdirSync(portsDirectory)) {
    const itsName = readFileSync(join(portsDirectory, port, "name"), "utf8").trim()
    if (itsName === name) return join("/dev", port)
  }
  return undefined
}

/**
 * Opens a port once its host side is connected: before, it reads as ended and polls as hung up, for which Linux
 * offers no way to wait. What is returned ends the waiting.
 */
export function openVirtioPort(
  { loop, linux }: { readonly loop: Loop; readonly linux: Pick<Linux, "isHungUp"> },
  device: string,
  onOpen: (fd: number) => void,
): () => void {
  const { first, most } = PORT_LIMITS.reconnectMs
  let giveUp = () => {}
  const attempt = (pauseMs: number) => {
    const fd = openSync(device, constants.O_RDWR | constants.O_NONBLOCK)
    if (!linux.isHungUp(fd)) return onOpen(fd)
    closeSync(fd)
    giveUp = loop.after(pauseMs, () => attempt(Math.min(pauseMs * 2, most)))
  }
  attempt(first)
  return () => giveUp()
}
