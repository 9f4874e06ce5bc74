import { readFile } from "node:fs/promises"
import type { ImageFiles } from "../../backend.ts"
import { type AccelerationFinding, probeAcceleration } from "./acceleration.ts"
import { readQemuHost } from "./host.ts"
import { QemuBackend, type QemuOptions } from "./qemu.ts"

export interface OpenQemuOptions extends Omit<QemuOptions, "host" | "acceleration"> {
  /** As in process.arch. */
  readonly architecture: string
  /** An image whose kernel can be booted to see whether KVM works; undefined where nothing has been built. */
  readonly anyImage: () => Promise<ImageFiles | undefined>
  readonly onFinding: (finding: AccelerationFinding) => void
}

/** Finds QEMU and what accelerates it. Fails with "unusable", saying what to install. */
export async function openQemu(options: OpenQemuOptions): Promise<QemuBackend> {
  const [host, image, bootId] = await Promise.all([
    readQemuHost(options.architecture),
    // A generation that cannot be read is told to whoever wants to start something of it.
    options.anyImage().catch(() => undefined),
    readFile("/proc/sys/kernel/random/boot_id", "utf8"),
  ])
  const finding = await probeAcceleration({ ...options, host, image, bootId: bootId.trim() })
  options.onFinding(finding)
  return new QemuBackend({ ...options, host, acceleration: finding.acceleration })
}
