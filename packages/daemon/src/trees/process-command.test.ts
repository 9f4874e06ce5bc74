import assert from "node:assert/strict"
import { test } from "node:test"
import { processCommand, type ServerPlan } from "./process-command.ts"

const plan: ServerPlan = {
  bwrapPath: "/usr/bin/bwrap",
  nodePath: "/n/node",
  libraries: [],
  program: { kind: "bundle", entry: "/s/files.cjs", natives: [] },
  account: undefined,
  serves: { kind: "directory", access: "read" },
  path: "/home/me/Documents",
  isRoot: false,
}
const bound = (command: readonly string[], option: string) =>
  command[command.indexOf(option, command.indexOf("/s/files.cjs") + 1) + 1]

const GATE = 'ulimit -c 0 && read -r go && exec "$@" </dev/null'
const BEGIN = ["setpriv", "--pdeathsig", "KILL", "--", "sh", "-c", GATE, "skerry-gate"]

test("a user's server is bound to the path, below a process namespace of the same user", () => {
  const command = processCommand(plan)
  const unshare = [
    "/usr/bin/unshare",
    "--user",
    "--map-current-user",
    "--pid",
    "--fork",
    "--kill-child=KILL",
    "--",
  ]
  assert.deepEqual(command.slice(0, 16), [...BEGIN, ...unshare, "/usr/bin/bwrap"])
  assert.equal(bound(command, "--ro-bind"), "/home/me/Documents")
})

test("root's server is bound to what its launcher's working directory is, whatever path leads there", () => {
  const account = { uid: 1000, gid: 1000 }
  const command = processCommand({ ...plan, isRoot: true, account })
  const unshare = [
    "/usr/bin/unshare",
    "--mount",
    "--propagation",
    "private",
    "--pid",
    "--fork",
    "--kill-child=KILL",
  ]
  assert.deepEqual(command.slice(0, 18), [...BEGIN, ...unshare, "--", "sh", "-c"])
  assert.match(command[18] ?? "", /^mount --no-canonicalize --bind \. \/mnt && cd \/ && exec "\$@"$/)
  assert.deepEqual(command.slice(20, 22), ["setpriv", "--reuid=1000"])
  assert.equal(bound(command, "--ro-bind"), "/mnt")
  assert.equal(command.includes("/home/me/Documents"), false)
})

test("a store is written, and told its bound", () => {
  const command = processCommand({ ...plan, serves: { kind: "store", limitMiB: 300 } })
  assert.equal(bound(command, "--bind"), "/home/me/Documents")
  assert.equal(command[command.indexOf("--limit-mib") + 1], "300")
})
