import { type FilesServer, filesServerCommand } from "@skerry/files/sandbox"
import { ownProcesses } from "@skerry/isolation"

/** The account of the state store's server where the daemon is root: right above those of domains, and nobody else's. */
export const STORE_ACCOUNT = 1_900_065_536

/** Where root puts what is served, in a mount namespace of the server's own, for an account that need not reach its path. */
const PLACE = "/mnt"

/** Working directory of the launcher: what is served, by its handle. A path could lead elsewhere by now. */
const LAUNCHER = `mount --no-canonicalize --bind . ${PLACE} && cd / && exec "$@"`

/** Waits for a line, so that the daemon can put this process into its cgroup first. A core file would carry the store's key to the disk. */
const GATE = 'ulimit -c 0 && read -r go && exec "$@" </dev/null'

export type ServerPlan = Omit<FilesServer, "serves"> & {
  readonly serves:
    | { readonly kind: "store"; readonly limitMiB?: number }
    | { readonly kind: "directory"; readonly access: "read" | "write" }
  /** Where it is now. */
  readonly path: string
  readonly isRoot: boolean
}

/**
 * Pure: starts a file server whose working directory is what it serves. setpriv and sh become unshare, which ends with the daemon; below,
 * sh and setpriv become bwrap.
 */
export function processCommand({ serves, path, isRoot, ...server }: ServerPlan): string[] {
  const from = isRoot ? PLACE : path
  const command = filesServerCommand({ ...server, serves: { ...serves, path: from } })
  return [
    ...["setpriv", "--pdeathsig", "KILL", "--", "sh", "-c", GATE, "skerry-gate"],
    ...ownProcesses(isRoot ? ["--mount", "--propagation", "private"] : ["--user", "--map-current-user"]),
    ...(isRoot ? ["sh", "-c", LAUNCHER, "skerry-files"] : []),
    ...command,
  ]
}
