import { existsSync, fstatSync, readFileSync } from "node:fs"
import { openLinux } from "@skerry/linux"
import { findAccount } from "./accounts.ts"
import { findControlPort, openControlPort } from "./control-port.ts"
import type { ExecHost } from "./exec.ts"
import { agentHandlers } from "./handlers.ts"
import { machineIdentities, sharedIdentities } from "./identity.ts"
import { Loop } from "./loop.ts"
import { servePort } from "./serve.ts"
import { warmUp } from "./warm-up.ts"

const KOFFI = "/usr/lib/skerry/koffi.node"
const VIRTIO_PORTS = "/sys/class/virtio-ports"
const USER_UID = 1000

/** At level `process`: the descriptors that the backend passed in. */
interface Inherited {
  readonly control: number
  readonly descriptors: number | undefined
}

function main(inherited: Inherited | undefined): void {
  const linux = openLinux(existsSync(KOFFI) ? KOFFI : undefined)
  linux.forbidNewPrivileges()
  const loop = new Loop(linux, () => performance.now())
  const uid = process.getuid?.() ?? USER_UID
  if (uid === 0) linux.dropGroups()
  const passwd = existsSync("/etc/passwd") ? readFileSync("/etc/passwd", "utf8") : ""
  const host: ExecHost = {
    loop,
    linux,
    canSwitchAccount: uid === 0,
    accounts: { root: findAccount(passwd, 0), user: findAccount(passwd, uid === 0 ? USER_UID : uid) },
    descriptorSocket: inherited?.descriptors,
  }
  if (inherited === undefined) serveMachine(host)
  else serveProcess(host, inherited.control)
  loop.run()
}

/** As a user's command will be: found in PATH, linked to libraries; an image without coreutils has only busybox. */
const warmUpProgram = () => (existsSync("/usr/bin/true") ? ["true"] : ["/usr/lib/skerry/busybox", "true"])

/** At level `vm`: one control port, which the host may leave and come back to. */
function serveMachine(host: ExecHost): void {
  const newIdentities = machineIdentities(host.linux)
  const rehearsed = agentHandlers({ host, identities: newIdentities(), onShutdown: () => {} })
  warmUp(host, rehearsed, warmUpProgram())
  const handlers = agentHandlers({
    host,
    identities: newIdentities(),
    onShutdown: () => endAfterAnswer(host),
  })
  const device = findControlPort(VIRTIO_PORTS)
  const open = () => openControlPort(host, device, (fd) => servePort({ ...host, fd, onEnd: open }, handlers))
  open()
}

/** At level `process`: whoever made the domain is gone when the connection ends, and so is the domain. */
function serveProcess(host: ExecHost, fd: number): void {
  const identities = sharedIdentities(host.linux)
  const handlers = agentHandlers({ host, identities, onShutdown: () => endAfterAnswer(host) })
  servePort({ ...host, fd, onEnd: () => process.exit(0) }, handlers)
}

/** The loop sends the answer before it waits for the time to pass. */
const endAfterAnswer = ({ loop }: ExecHost) => void loop.after(0, () => process.exit(0))

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

try {
  main(parseInherited(process.env))
} catch (error) {
  // The console is all there is to tell: the host reads it when the domain ends.
  console.error("skerry agent:", error instanceof Error ? error.message : error)
  process.exit(1)
}
