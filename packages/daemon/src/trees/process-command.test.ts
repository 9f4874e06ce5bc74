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

test("a user's server is bound to the path, and starts at once", () => {
  const command = processCommand(plan)
  assert.equal(command[0], "/usr/bin/bwrap")
  assert.equal(bound(command, "--ro-bind"), "/home/me/Documents")
})

test("root's server is bound to what its launcher's working directory is, whatever path leads there", () => {
  const account = { uid: 1000, gid: 1000 }
  const command = processCommand({ ...plan, isRoot: true, account })
  assert.deepEqual(command.slice(0, 7), ["unshare", "--mount", "--propagation", "private", "--", "sh", "-c"])
  assert.match(command[7] ?? "", /^mount --no-canonicalize --bind \. \/mnt && cd \/ && exec "\$@"$/)
  assert.deepEqual(command.slice(9, 11), ["setpriv", "--reuid=1000"])
  assert.equal(bound(command, "--ro-bind"), "/mnt")
  assert.equal(command.includes("/home/me/Documents"), false)
})

test("a store is written, and told its bound", () => {
  const command = processCommand({ ...plan, serves: { kind: "store", limitMiB: 300 } })
  assert.equal(bound(command, "--bind"), "/home/me/Documents")
  assert.equal(command[command.indexOf("--limit-mib") + 1], "300")
})
