import { existsSync, fstatSync, readFileSync, writeSync } from "node:fs"
import { isMainThread, workerData } from "node:worker_threads"
import { openLinux } from "@skerry/linux"
import {
  DescriptorQueue,
  findVirtioPort,
  Loop,
  openVirtioPort,
  type Port,
  PortMemory,
  servePort,
  VIRTIO_PORTS,
} from "@skerry/loop"
import { findAccount } from "./accounts.ts"
import { CallSocket } from "./call-socket.ts"
import { agentHandlers } from "./handlers.ts"
import { type Identities, machineIdentities, sharedIdentities } from "./identity.ts"
import { AGENT, CONTROL_PORT_NAME } from "./limits.ts"
import { servicePlaces } from "./services/find-service.ts"
import type { ServiceHost } from "./services/service.ts"
import { isTreeThread, noTrees, runTreeThread, startTreeThread } from "./trees/tree-thread.ts"
import { warmUp } from "./warm-up.ts"

const KOFFI = "/usr/lib/skerry/koffi.node"
const USER_UID = 1000

/** At level `process`: the descriptors that the backend passed in. */
interface Inherited {
  readonly control: number
  readonly descriptors: number | undefined
}

interface AgentHost extends ServiceHost {
  readonly memory: PortMemory
  readonly callSocket: string
}

function main(inherited: Inherited | undefined, root: string): void {
  if (inherited === undefined && !existsSync(KOFFI)) {
    throw new Error(`It would take this machine over: it is for images, which have ${KOFFI}`)
  }
  const linux = openLinux(existsSync(KOFFI) ? KOFFI : undefined)
  linux.forbidNewPrivileges()
  const loop = new Loop(linux, () => performance.now())
  const uid = process.getuid?.() ?? USER_UID
  if (uid === 0) linux.dropGroups()
  const passwd = existsSync("/etc/passwd") ? readFileSync("/etc/passwd", "utf8") : ""
  const host: AgentHost = {
    loop,
    linux,
    canSwitchAccount: uid === 0,
    accounts: { root: findAccount(passwd, 0), user: findAccount(passwd, uid === 0 ? USER_UID : uid) },
    descriptors:
      inherited?.descriptors === undefined ? undefined : new DescriptorQueue(linux, inherited.descriptors),
    places: servicePlaces(root),
    callSocket: `${root}/run/skerry/call.sock`,
    scratch: Buffer.allocUnsafeSlow(AGENT.outputBytes),
    memory: new PortMemory(),
  }
  if (inherited === undefined) serveMachine(host)
  else serveProcess(host, inherited.control, root)
  loop.run()
}

/** As a user's command will be: found in PATH, linked to libraries; an image without coreutils has only busybox. */
const warmUpProgram = () => (existsSync("/usr/bin/true") ? ["true"] : ["/usr/lib/skerry/busybox", "true"])
/** Where it is found as a service, for the rehearsal alone. */
const WARM_UP_SERVICES = ["/usr/bin", "/usr/lib/skerry"]

/** At level `vm`: one control port, which the host may leave and come back to. */
function serveMachine(host: AgentHost): void {
  const newIdentities = machineIdentities(host.linux)
  const places = { services: WARM_UP_SERVICES, configuration: servicePlaces("").configuration }
  const rehearsed = agentHandlers({
    host: { ...host, places },
    identities: newIdentities(),
    onShutdown: () => {},
  })
  warmUp(host, rehearsed, warmUpProgram())
  const identities = newIdentities()
  const { uid: userUid, gid: userGid } = host.accounts.user
  const trees = startTreeThread(host, process.argv[1] ?? "", `${userUid}:${userGid}`)
  const own = agentHandlers({ host, identities, onShutdown: () => endAfterAnswer(host) })
  const handlers = [...own, ...trees]
  const device = findVirtioPort(VIRTIO_PORTS, CONTROL_PORT_NAME)
  if (device === undefined) throw new Error(`No virtio port is called ${CONTROL_PORT_NAME}`)
  const control = serveCalls(host, identities)
  const open = () => {
    control.port = undefined
    openVirtioPort(host, device, (fd) => {
      control.port = servePort({ ...host, fd, onEnd: open }, handlers)
    })
  }
  open()
}

/** At level `process`: whoever made the domain is gone when the connection ends, and so is the domain. */
function serveProcess(host: AgentHost, fd: number, root: string): void {
  const identities = sharedIdentities(host.linux, root)
  const own = agentHandlers({ host, identities, onShutdown: () => endAfterAnswer(host) })
  const handlers = [...own, ...noTrees()]
  const control = serveCalls(host, identities)
  control.port = servePort({ ...host, fd, onEnd: () => process.exit(0) }, handlers)
}

/** What is returned says which port the domain's calls go to. */
function serveCalls(host: AgentHost, identities: Identities): { port: Port | undefined } {
  const control: { port: Port | undefined } = { port: undefined }
  new CallSocket({
    ...host,
    path: host.callSocket,
    host: () => control.port,
    mayCall: () => identities.isIdentified,
  })
  return control
}

/** The loop sends the answer before it waits for the time to pass. */
const endAfterAnswer = ({ loop }: AgentHost) => void loop.after(0, () => process.exit(0))

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
  if (isTreeThread(workerData)) runTreeThread(openLinux(existsSync(KOFFI) ? KOFFI : undefined), workerData)
  // Only tests give another root, so that the host's own files stay out of it.
  else main(parseInherited(process.env), process.env.SKERRY_ROOT ?? "")
} catch (error) {
  // The console is all there is to tell: the host reads it when the domain ends.
  writeSync(2, `skerry agent: ${error instanceof Error ? error.message : error}\n`)
  // A thread's exit would be its own alone, and leave whoever uses a tree waiting for good.
  if (isMainThread) process.exit(1)
  process.kill(process.pid, "SIGKILL")
}
