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
    echoOnPort: async (domain, name) => {
      await identify(domain)
      const { stderr, status } = await runScript(domain, echoScript(name), { user: "root" })
      if (status !== "0") throw new Error(stderr)
    },
    portNames: async (domain) => {
      await identify(domain)
      const { stdout } = await runScript(domain, "cat /sys/class/virtio-ports/*/name", { user: "root" })
      return stdout.split("\n").filter((name) => name !== "" && name !== "org.skerry.control")
    },
    watched: host.cgroupDirectories,
    hasProcesses: true,
    stepMs: VM_STEP_MS,
  })
}

/** The guest is told of a port a moment after it was added. */
const echoScript = (name: string) => `
for try in $(seq 1000); do
  for port in /sys/class/virtio-ports/*; do
    [ "$(cat "$port/name")" = "${name}" ] || continue
    exec 3<>"/dev/\${port##*/}"
    read -r line <&3
    echo "heard $line" >&3
    exit 0
  done
  /usr/lib/skerry/busybox usleep 5000
done
exit 1`
