import { cpus, machine, release } from "node:os"
import { VERSION } from "@skerry/model"
import type { Bench } from "./bench.ts"
import { printed } from "./timed.ts"

/** What the figures were measured on. */
export interface MeasuredHost {
  readonly skerry: string
  readonly cores: number
  readonly cpu: string
  readonly kernel: string
  readonly node: string
  /** Undefined where it was not needed or is not here. */
  readonly qemu: string | undefined
  /** "kvm" or "tcg", which is emulation; undefined where no row needed domains. */
  readonly acceleration: string | undefined
}

export async function measuredHost(bench: Bench, usedDomains: boolean): Promise<MeasuredHost> {
  const processors = cpus()
  const backends = usedDomains ? (await bench.status()).backends : []
  return {
    skerry: VERSION,
    cores: processors.length,
    cpu: processors[0]?.model.trim() ?? "unknown processor",
    kernel: release(),
    node: process.versions.node,
    qemu: qemuVersion(bench.environment),
    acceleration: backends.find(({ level }) => level === "vm")?.acceleration,
  }
}

function qemuVersion(environment: NodeJS.ProcessEnv): string | undefined {
  const name = machine() === "ppc64le" ? "ppc64" : machine()
  try {
    return /version (\S+)/.exec(printed([`qemu-system-${name}`, "--version"], environment))?.[1]
  } catch {
    return undefined // not installed
  }
}
