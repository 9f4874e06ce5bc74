import { existsSync, fstatSync } from "node:fs"
import { Socket } from "node:net"
import type { Duplex } from "node:stream"
import { openLinux } from "@skerry/linux"
import { Connection } from "@skerry/rpc"
import { findControlPort, openControlPort } from "./control-port.ts"
import type { ExecHost } from "./exec.ts"
import { agentHandlers } from "./handlers.ts"
import { machineIdentities, sharedIdentities } from "./identity.ts"
import { openKernelStream } from "./kernel-stream.ts"
import { warmUp } from "./warm-up.ts"

const BUSYBOX = "/usr/lib/skerry/busybox"
const KOFFI = "/usr/lib/skerry/koffi.node"
const VIRTIO_PORTS = "/sys/class/virtio-ports"
const USER_UID = 1000

/** At level `process`: the descriptors that the backend passed in. */
interface Inherited {
  readonly control: number
  readonly descriptors: number | undefined
}

async function main(inherited: Inherited | undefined): Promise<void> {
  const linux = openLinux(existsSync(KOFFI) ? KOFFI : undefined)
  linux.forbidNewPrivileges()
  const isRoot = process.getuid?.() === 0
  const host: ExecHost = {
    linux,
    setsid: [BUSYBOX, "setsid", "-c"],
    canSwitchAccount: isRoot,
    userUid: isRoot ? USER_UID : (process.getuid?.() ?? USER_UID),
    descriptorSocket: inherited?.descriptors,
  }
  if (inherited !== undefined) {
    const duplex = new Socket({ fd: inherited.control })
    const identities = sharedIdentities(linux)
    await serve(duplex, host, identities)
    // Whoever made the domain is gone: so is the domain.
    process.exit(0)
  }
  const identities = machineIdentities(linux)
  const warm = agentHandlers({
    host,
    identities: { ...identities, isIdentified: true },
    onShutdown: () => {},
  })
  await warmUp(linux, warm, [BUSYBOX, "true"])
  const device = findControlPort(VIRTIO_PORTS)
  for (;;) await serve(openKernelStream(await openControlPort(linux, device)), host, identities)
}

/** Serves one connection to its end. */
async function serve(
  duplex: Duplex,
  host: ExecHost,
  identities: Parameters<typeof agentHandlers>[0]["identities"],
): Promise<void> {
  // After this turn the answer is with the duplex, and end() lets it out first.
  const onShutdown = () => setImmediate(() => duplex.end(() => process.exit(0)))
  const connection = new Connection(duplex, { serve: agentHandlers({ host, identities, onShutdown }) })
  await connection.closed
}

/** The socket for descriptors follows the control socket, where the backend passes any. */
function parseInherited(environment: NodeJS.ProcessEnv): Inherited | undefined {
  const { SKERRY_CONTROL_FD: text } = environment
  if (text === undefined) return undefined
  const control = Number(text)
  return { control, descriptors: isSocket(control + 1) ? control + 1 : undefined }
}

function isSocket(fd: number): boolean {
  try {
    return fstatSync(fd).isSocket()
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EBADF") return false
    throw error
  }
}

main(parseInherited(process.env)).catch((error: unknown) => {
  // The console is all there is to tell: the host reads it when the domain ends.
  console.error("skerry agent:", error instanceof Error ? error.message : error)
  process.exit(1)
})
