import type { DomainAccount } from "../../accounts.ts"
import { ownProcesses } from "../../own-processes.ts"
import type { KvmAccess } from "./host.ts"

/** What the sandbox around QEMU shows of the host's top folders: a symlink where the host has one (merged /usr). */
export type HostFolder =
  | { readonly name: string; readonly kind: "directory" }
  | { readonly name: string; readonly kind: "symlink"; readonly target: string }

export interface Confinement {
  readonly account: DomainAccount
  readonly bwrapPath: string
  readonly folders: readonly HostFolder[]
  /** "none" also where a device is there but not used. */
  readonly kvm: KvmAccess
  /** bwrap says here that its sandbox is made. */
  readonly infoFd: number
}

/** Inside a user namespace the domain's account needs some name of its own. */
const INNER_ID = 1000

/**
 * The chain of programs, each of which becomes the next, that starts `command` without rights: namespaces of its own,
 * an empty file system but for programs and libraries, an account of its own, no capabilities. As root no user
 * namespace is needed; an ordinary user gets the sub-uid by one. A line on the standard input lets the sandbox be made,
 * another one the command start; its end (also the daemon's) ends both.
 *
 * Where the daemon dies before unshare's child has asked to die with unshare, the second line never comes.
 */
export function confinedCommand(confinement: Confinement, command: readonly string[]): string[] {
  const { account, kvm } = confinement
  const isReserved = account.kind === "reserved"
  return [
    ...["/usr/bin/setpriv", "--pdeathsig", "KILL", "--"],
    // A core file would carry the guest's secrets to the host's disk.
    ...["/bin/sh", "-c", 'ulimit -c 0 && read -r go && exec "$@"', "skerry-gate"],
    ...ownProcesses(isReserved ? [] : userNamespace(account)),
    confinement.bwrapPath,
    ...[
      "--unshare-pid",
      "--unshare-net",
      "--unshare-ipc",
      "--unshare-uts",
      "--unshare-cgroup-try",
      "--new-session",
    ],
    ...["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"],
    ...["--ro-bind", "/usr", "/usr"],
    ...confinement.folders.flatMap(folderArguments),
    ...["--proc", "/proc", "--dev", "/dev"],
    ...(kvm.kind === "none" ? [] : ["--dev-bind", "/dev/kvm", "/dev/kvm"]),
    ...["--chdir", "/", "--clearenv", "--setenv", "PATH", "/usr/bin:/bin"],
    ...["--info-fd", String(confinement.infoFd), "--"],
    "/usr/bin/setpriv",
    ...(isReserved
      ? [`--reuid=${account.uid}`, `--regid=${account.gid}`]
      : [`--reuid=${INNER_ID}`, `--regid=${INNER_ID}`]),
    ...groupArguments(confinement),
    ...["--inh-caps=-all", "--no-new-privs", "--"],
    ...["/bin/sh", "-c", 'read -r go && exec "$@" </dev/null', "skerry-gate"],
    ...command,
  ]
}

function userNamespace(account: DomainAccount): string[] {
  return [
    ...["--user", "--map-root-user"],
    ...[`--map-users=${account.uid},${INNER_ID},1`, `--map-groups=${account.gid},${INNER_ID},1`],
  ]
}

function groupArguments({ account, kvm }: Confinement): string[] {
  if (kvm.kind !== "group") return ["--clear-groups"]
  // A user namespace cannot name the group of /dev/kvm, but a process may keep it.
  return account.kind === "reserved" ? [`--groups=${kvm.gid}`] : ["--keep-groups"]
}

function folderArguments(folder: HostFolder): string[] {
  const path = `/${folder.name}`
  return folder.kind === "symlink" ? ["--symlink", folder.target, path] : ["--ro-bind", path, path]
}
