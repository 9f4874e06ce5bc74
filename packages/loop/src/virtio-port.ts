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
    if (nameOf(join(portsDirectory, port)) === name) return join("/dev", port)
  }
  return undefined
}

/** undefined: it is not there yet, or no more, or still somebody else's. */
function tryOpen(device: string): number | undefined {
  try {
    return openSync(device, constants.O_RDWR | constants.O_NONBLOCK)
  } catch (error) {
    if (error instanceof Error && "code" in error && WAITED_FOR.has(String(error.code))) return undefined
    throw error
  }
}

const WAITED_FOR: ReadonlySet<string> = new Set(["ENOENT", "ENODEV", "ENXIO", "EBUSY"])

/** undefined: it is being taken away, or was. */
function nameOf(port: string): string | undefined {
  try {
    return readFileSync(join(port, "name"), "utf8").trim()
  } catch (error) {
    if (error instanceof Error && "code" in error) return undefined
    throw error
  }
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
    const fd = tryOpen(device)
    if (fd !== undefined && !linux.isHungUp(fd)) return onOpen(fd)
    if (fd !== undefined) closeSync(fd)
    giveUp = loop.after(pauseMs, () => attempt(Math.min(pauseMs * 2, most)))
  }
  attempt(first)
  return () => giveUp()
}
