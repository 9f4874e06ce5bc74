import { IsolationError } from "../../backend.ts"
import type { QemuProcess } from "./qemu-process.ts"

const IGNORE_SHARED = { capabilities: [{ capability: "x-ignore-shared", state: true }] }

/** The clone goes on by itself once it is loaded, because the template was saved running. */
export async function loadDevices({ monitor }: QemuProcess): Promise<void> {
  await Promise.all([
    monitor.execute("migrate-set-capabilities", IGNORE_SHARED),
    monitor.execute("migrate-incoming", { uri: "fd:7" }),
  ])
}

export async function saveDevices(qemu: QemuProcess, stateFd: number, signal: AbortSignal): Promise<void> {
  const { monitor } = qemu
  await monitor.execute("migrate-set-capabilities", IGNORE_SHARED)
  await qemu.giveDescriptor("devices", stateFd)
  await monitor.execute("migrate", { uri: "fd:devices" })
  for (;;) {
    signal.throwIfAborted()
    const untrusted = await monitor.execute("query-migrate")
    const status =
      typeof untrusted === "object" && untrusted !== null && "status" in untrusted ? untrusted.status : ""
    if (status === "completed") return
    if (status === "failed" || status === "cancelled") {
      throw new IsolationError(
        "boot-failed",
        `QEMU could not save the template: ${JSON.stringify(untrusted)}`,
      )
    }
  }
}
