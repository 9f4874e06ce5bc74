import { closeSync, constants, openSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import type { Linux } from "@skerry/linux"
import type { Loop } from "@skerry/loop"
import { AGENT } from "./limits.ts"

export const CONTROL_PORT_NAME = "org.skerry.control"

/** The device of the port that the host has named so; throws where there is none. */
export function findControlPort(portsDirectory: string): string {
  for (const port of readdirSync(portsDirectory)) {
    const name = readFileSync(join(portsDirectory, port, "name"), "utf8").trim()
    if (name === CONTROL_PORT_NAME) return join("/dev", port)
  }
  throw new Error(`No virtio port is called ${CONTROL_PORT_NAME}`)
}

/**
 * Opens the port once its host side is connected: before, it reads as ended and polls as hung up, for which Linux
 * offers no way to wait.
 */
export function openControlPort(
  { loop, linux }: { readonly loop: Loop; readonly linux: Linux },
  device: string,
  onOpen: (fd: number) => void,
): void {
  const attempt = (pauseMs: number) => {
    const fd = openSync(device, constants.O_RDWR | constants.O_NONBLOCK)
    if (!linux.isHungUp(fd)) return onOpen(fd)
    closeSync(fd)
    loop.after(pauseMs, () => attempt(Math.min(pauseMs * 2, AGENT.reconnectMs.most)))
  }
  attempt(AGENT.reconnectMs.first)
}
