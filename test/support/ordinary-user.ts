import { type ChildProcess, spawn } from "node:child_process"
import { chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const UID = 64_998

export interface OrdinaryUser extends Disposable {
  readonly uid: number
  /** A folder of the user's own, which is the home as well. */
  readonly home: string
  /** Runs a program as the user, with pipes. */
  readonly spawn: (argv: readonly string[]) => ChildProcess
}

/**
 * A user with sub-ids, without touching the host's accounts: its programs run in a mount namespace in which /etc has
 * other files. Only root can make one.
 */
export function ordinaryUser(): OrdinaryUser {
  const folder = mkdtempSync(join(tmpdir(), "skerry-user-"))
  const home = join(folder, "home")
  const files = {
    passwd: `${readFileSync("/etc/passwd", "utf8")}skerry-trial:x:${UID}:${UID}::${home}:/bin/sh\n`,
    subuid: "skerry-trial:1800000000:65536\n",
    subgid: "skerry-trial:1800000000:65536\n",
  }
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  mkdirSync(home)
  for (const path of [folder, home]) chownSync(path, UID, UID)
  const binds = Object.keys(files).map((name) => `mount --bind ${join(folder, name)} /etc/${name}`)
  const script = [...binds, 'exec setpriv --reuid "$0" --regid "$0" --clear-groups "$@"'].join(" && ")
  return {
    uid: UID,
    home,
    spawn: (argv) =>
      spawn("unshare", ["--mount", "sh", "-c", script, String(UID), ...argv], {
        env: { PATH: process.env.PATH, HOME: home, TMPDIR: home, NODE_COMPILE_CACHE: join(home, "compiled") },
        stdio: ["pipe", "pipe", "pipe"],
      }),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  }
}
