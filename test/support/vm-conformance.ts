import { isolationConformance } from "@skerry/isolation/conformance"
import { agentOf, identify, runScript } from "./vm-agent.ts"
import { VM_SHAPE, VM_STEP_MS, type VmHost } from "./vm-host.ts"

/** Holds the qemu backend to the promises of backend.ts, on real virtual machines of a real image. */
export function vmConformance(name: string, host: VmHost): void {
  isolationConformance(name, {
    open: () => host.open(),
    image: host.image,
    shape: VM_SHAPE,
    awaitAgent: (channel, signal) => agentOf(channel).answer(signal),
    print: async (domain, text) => {
      await identify(domain)
      const { stderr, status } = await runScript(domain, "cat >/dev/console", { user: "root", input: text })
      if (status !== "0") throw new Error(stderr)
    },
    // As a kernel does it by itself: what the agent does to end its machine is another test's.
    powerOff: (domain) => {
      const reset = async () => {
        await identify(domain)
        await runScript(domain, "echo b >/proc/sysrq-trigger", { user: "root" })
      }
      reset().catch(() => {}) // the domain is gone before it can answer
    },
    kill: (domain) => process.kill(domain.processes.pid, "SIGKILL"),
    watched: host.cgroupDirectories,
    hasProcesses: true,
    stepMs: VM_STEP_MS,
  })
}
