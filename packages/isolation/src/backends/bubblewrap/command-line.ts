import type { DomainAccount } from "../../accounts.ts"
import { ownProcesses } from "../../own-processes.ts"

/**
 * Descriptors that a domain's launcher starts with. 3 and 4 stay open in the agent; the launcher and bwrap close
 * the others before the agent runs.
 */
export const LAUNCH_DESCRIPTORS = {
  control: 3,
  descriptors: 4,
  /** One line on it lets the launcher go on; its end makes the launcher end. */
  gate: 5,
  /** bwrap says here that its first process exists. */
  info: 6,
  seccomp: 7,
  /** Held open by the first process inside for as long as it lives. */
  alive: 8,
  machineId: 9,
  hostName: 10,
} as const

export interface Launch {
  readonly bwrapPath: string
  readonly account: DomainAccount
  /** Names of directories in the launcher's working directory, topmost first; at least two, only [a-z0-9]. */
  readonly trees: readonly string[]
  readonly hostName: string
  readonly memoryBytes: number
  readonly processes: number
}

/** Whom everything in a domain runs as, seen from inside. */
export const GUEST_UID = 1000

/** Waits for the gate: the daemon puts this process into its cgroup and checks the trees first. */
const GATE = [
  "ulimit -c 0",
  `read -r go <&${LAUNCH_DESCRIPTORS.gate} || exit 125`,
  `exec ${LAUNCH_DESCRIPTORS.gate}<&-`,
  'exec "$@"',
].join("\n")

/**
 * Runs as root of a mount namespace that nobody else sees: it lays the image's trees over each other, and becomes what follows. The
 * limit counts per account, so it bounds the domain also where there is no pids cgroup.
 */
const LAUNCHER = [
  'ulimit -p "$2"',
  'mount -t overlay overlay -o "ro,nosuid,nodev,lowerdir=$1" /mnt || exit 125',
  "shift 2",
  'exec "$@"',
].join("\n")

/**
 * Laying trees over each other needs a mount namespace, and an ordinary user gets one only together with a user
 * namespace. There our account counts as root and may read its own cache; the domain's account may not.
 */
function namespaceArguments(account: DomainAccount): string[] {
  switch (account.kind) {
    case "reserved":
      return ["--mount"]
    case "sub-uid":
      return [
        "--user",
        "--map-root-user",
        `--map-users=${account.uid},${GUEST_UID},1`,
        `--map-groups=${account.gid},${GUEST_UID},1`,
        "--mount",
      ]
  }
}

function accountCommand(account: DomainAccount): string[] {
  const [uid, gid] = account.kind === "reserved" ? [account.uid, account.gid] : [GUEST_UID, GUEST_UID]
  return ["setpriv", `--reuid=${uid}`, `--regid=${gid}`, "--clear-groups", "--no-new-privs", "--"]
}

const temporary = (mode: string, bytes: number, path: string) => [
  "--perms",
  mode,
  "--size",
  String(bytes),
  "--tmpfs",
  path,
]

function bubblewrapArguments(launch: Launch): string[] {
  const fd = LAUNCH_DESCRIPTORS
  return [
    ...[
      "--unshare-user",
      "--unshare-pid",
      "--unshare-net",
      "--unshare-ipc",
      "--unshare-uts",
      "--unshare-cgroup",
    ],
    ...["--disable-userns", "--die-with-parent", "--new-session", "--cap-drop", "ALL"],
    ...["--uid", String(GUEST_UID), "--gid", String(GUEST_UID), "--hostname", launch.hostName],
    ...["--ro-bind", "/mnt", "/", "--dev", "/dev", "--proc", "/proc"],
    // The root stays read-only: no process inside has a uid that could write elsewhere than here.
    ...temporary("1777", launch.memoryBytes, "/tmp"),
    ...temporary("1777", launch.memoryBytes, "/var/tmp"),
    ...temporary("1777", launch.memoryBytes, "/dev/shm"),
    ...temporary("0755", launch.memoryBytes, "/run"),
    ...temporary("0700", launch.memoryBytes, "/home/user"),
    ...["--perms", "0700", "--dir", `/run/user/${GUEST_UID}`],
    // The agent's, who is the same user here.
    ...["--perms", "0755", "--dir", "/run/skerry"],
    ...["--ro-bind-data", String(fd.machineId), "/etc/machine-id"],
    ...["--ro-bind-data", String(fd.hostName), "/etc/hostname"],
    ...["--seccomp", String(fd.seccomp), "--info-fd", String(fd.info), "--sync-fd", String(fd.alive)],
    ...["--chdir", "/home/user", "--clearenv"],
    ...["--setenv", "PATH", "/usr/local/bin:/usr/bin:/bin", "--setenv", "HOME", "/home/user"],
    ...["--setenv", "SKERRY_CONTROL_FD", String(fd.control)],
    ...["--", "/usr/lib/skerry/node", "/usr/lib/skerry/agent.cjs"],
  ]
}

/**
 * The whole chain of programs: setpriv, sh and unshare, each of which becomes the next one; below, in a process namespace whose end is
 * theirs, sh, setpriv and bwrap; and below that the agent.
 */
export function launchCommand(launch: Launch): string[] {
  const { account } = launch
  return [
    ...["setpriv", "--pdeathsig", "KILL", "--", "sh", "-c", GATE, "skerry-gate"],
    ...ownProcesses([...namespaceArguments(account), "--propagation", "private"]),
    ...["sh", "-c", LAUNCHER, "skerry-launch", launch.trees.join(":")],
    String(launch.processes),
    ...accountCommand(account),
    launch.bwrapPath,
    ...bubblewrapArguments(launch),
  ]
}

const PROBE = 'mount -t overlay overlay -o "ro,lowerdir=$1" /mnt && shift && exec "$@"'

/**
 * The same chain around a program of the host that does nothing: whether this host lets us at all. `trees` are any
 * two directories of the launcher's working directory.
 */
export function probeCommand(bwrapPath: string, account: DomainAccount, trees: readonly string[]): string[] {
  return [
    ...["unshare", ...namespaceArguments(account), "--propagation", "private", "--"],
    ...["sh", "-c", PROBE, "skerry-probe", trees.join(":")],
    ...accountCommand(account),
    ...[bwrapPath, "--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"],
    ...["--unshare-cgroup", "--disable-userns", "--die-with-parent", "--cap-drop", "ALL"],
    ...["--uid", String(GUEST_UID), "--gid", String(GUEST_UID), "--ro-bind", "/", "/", "--", "true"],
  ]
}
