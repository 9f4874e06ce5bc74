import assert from "node:assert/strict"
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { after, before, test } from "node:test"
import { openBuiltHome } from "./support/built-home.ts"
import { sampleApplication } from "./support/sample-system.ts"

/* The state store's server in a machine of its own, joined to the machines that it serves. */

const SYSTEM = {
  applications: { tools: sampleApplication("tools") },
  resources: {
    common: { kind: "directory", origin: { kind: "state", tree: "common" }, at: "/srv/common" },
  },
  instances: {
    ada: { application: "tools", grants: ["common"] },
    bob: { application: "tools", grants: ["common"] },
  },
  settings: { state: { server: "vm" } },
}

let home: Awaited<ReturnType<typeof openBuiltHome>>
const volume = () => join(home.folder, "state/store.volume")

before(async () => {
  home = await openBuiltHome("state-machine", SYSTEM)
  rmSync(volume(), { force: true })
})
after(() => home[Symbol.asyncDispose]())

async function ok(...words: string[]): Promise<string> {
  const { status, stdout, stderr } = await home.run(words)
  assert.equal(status, 0, `skerry ${words.join(" ")}: ${stderr}`)
  return stdout
}

const inside = (instance: string, script: string) => ok("run", instance, "--", "bash", "-c", script)

test("two machines work in one tree, which lies on a third one's disk alone", async () => {
  await inside("ada", "echo one > /srv/common/list")
  assert.equal(await inside("bob", "echo two >> /srv/common/list; cat /srv/common/list"), "one\ntwo\n")
  assert.ok(existsSync(volume()))
  assert.ok(!existsSync(join(home.folder, "state/store")))
})

test("when that machine is killed, open files go on with the next one", async () => {
  const script =
    "exec 3> /srv/common/log; for number in $(seq 30); do echo $number >&3; sleep 0.1; done; wc -l < /srv/common/log"
  const writing = inside("ada", script)
  await inside("bob", "until [ -s /srv/common/log ]; do sleep 0.1; done")
  process.kill(machineWithVolume(), "SIGKILL")
  assert.equal(await writing, "30\n")
})

test("what was synchronised is there after all of them ended, and in a version", async () => {
  await inside("ada", "echo three >> /srv/common/list && sync /srv/common/list")
  await ok("daemon", "--stop")
  assert.equal(await inside("bob", "cat /srv/common/list"), "one\ntwo\nthree\n")
  assert.match(await ok("state", "log", "tree:common"), /stop/)
})

/** The QEMU that has the volume as its disk. */
function machineWithVolume(): number {
  const found = readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0")
      return words[0]?.includes("qemu-system") && words.some((word) => word.includes("skerry.volume"))
    } catch {
      return false // It has ended meanwhile.
    }
  })
  assert.equal(found.length, 1)
  return Number(found[0])
}
