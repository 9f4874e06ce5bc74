import { closeSync, constants, openSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import type { Linux } from "@skerry/linux"
import type { Loop } from "@skerry/loop"
import { TREE } from "./limits.ts"

const PORTS = "/sys/class/virtio-ports"

/**
 * Looks for the port of this name until it is there with the host at its other end; undefined: not in time. What is
 * returned gives up. A port that comes and goes meanwhile is looked for again.
 */
export function openPort(
  { loop, linux }: { readonly loop: Loop; readonly linux: Linux },
  name: string,
  timeoutMs: number,
  onOpen: (fd: number | undefined) => void,
): () => void {
  let stop = () => {}
  const deadline = loop.now() + timeoutMs
  const attempt = (pauseMs: number) => {
    const fd = tryPort(linux, name)
    if (fd !== undefined || loop.now() >= deadline) onOpen(fd)
    else stop = loop.after(pauseMs, () => attempt(Math.min(pauseMs * 2, TREE.lookMs.most)))
  }
  attempt(TREE.lookMs.first)
  return () => stop()
}

/** A device that is being taken away, or still belongs to somebody, is not there (yet). */
function tryPort(linux: Linux, name: string): number | undefined {
  for (const port of readdirSync(PORTS)) {
    try {
      if (readFileSync(join(PORTS, port, "name"), "utf8").trim() !== name) continue
      const fd = openSync(join("/dev", port), constants.O_RDWR | constants.O_NONBLOCK)
      if (!linux.isHungUp(fd)) return fd
      closeSync(fd)
    } catch (error) {
      if (!(error instanceof Error && "code" in error)) throw error
    }
  }
  return undefined
}
