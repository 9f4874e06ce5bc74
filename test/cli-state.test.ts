import assert from "node:assert/strict"
import { createHash } from "node:crypto"
import { readdirSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { after, before, test } from "node:test"
import type { DomainRow, TreeRow, VersionRow } from "@skerry/rpc"
import { eventually, openBuiltHome } from "./support/built-home.ts"
import { sampleApplication } from "./support/sample-system.ts"

/* What instances keep, on real machines: one tree that two domains work in, and a third that was not granted it. */

const common = { kind: "directory", origin: { kind: "state", tree: "common" }, at: "/srv/common" }
const SYSTEM = {
  applications: { tools: sampleApplication("tools") },
  resources: { common, notes: { kind: "directory", origin: { kind: "state", tree: "notes" } } },
  instances: {
    ada: { application: "tools", grants: ["common", "notes"] },
    bob: { application: "tools", grants: ["common"] },
    eve: { application: "tools" },
  },
}

let home: Awaited<ReturnType<typeof openBuiltHome>>

before(async () => {
  home = await openBuiltHome("state", SYSTEM)
  rmSync(join(home.folder, "state/store"), { recursive: true, force: true })
})
after(() => home[Symbol.asyncDispose]())

async function ok(...words: string[]): Promise<string> {
  const { status, stdout, stderr } = await home.run(words)
  assert.equal(status, 0, `skerry ${words.join(" ")}: ${stderr}`)
  return stdout
}

/** What `--json` lists, one object a line. */
async function lines<Row>(...words: string[]): Promise<Row[]> {
  const text = await ok(...words, "--json")
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line))
}

const inside = (instance: string, script: string) => ok("run", instance, "--", "bash", "-c", script)

async function pidOf(domain: string): Promise<number> {
  const rows = await home.list<DomainRow>("ps")
  const pid = rows.find((row) => row.domain === domain)?.pid
  assert.ok(pid !== undefined, `${domain} does not run`)
  return pid
}

test("two domains see each other's changes at once, and a third cannot learn that there are any", async () => {
  await inside("ada", "echo one > /srv/common/list && mkdir /srv/common/of-ada")
  assert.equal(await inside("bob", "cat /srv/common/list && ls /srv/common"), "one\nlist\nof-ada\n")
  await inside("bob", "echo two >> /srv/common/list && mv /srv/common/of-ada /srv/common/of-both")
  assert.equal(await inside("ada", "cat /srv/common/list && ls /srv/common"), "one\ntwo\nlist\nof-both\n")
  const traces = "ls /srv; grep -c 9p /proc/mounts; ls /sys/class/virtio-ports | wc -l"
  assert.equal(await inside("eve", traces).catch((error: Error) => error.message), "0\n1\n")
})

test("one that is killed loses nothing that it synchronised, and the other goes on", async () => {
  await inside("bob", "echo three >> /srv/common/list && sync /srv/common/list")
  process.kill(await pidOf("bob"), "SIGKILL")
  await eventually(
    "bob has ended",
    async () => !(await home.list<DomainRow>("ps")).some((row) => row.domain === "bob"),
  )
  assert.equal(
    await inside("ada", "echo four >> /srv/common/list && cat /srv/common/list"),
    "one\ntwo\nthree\nfour\n",
  )
  assert.equal(await inside("bob", "cat /srv/common/list"), "one\ntwo\nthree\nfour\n")
})

test("a tree goes back to a version under domains that run, and forward again", async () => {
  await ok("state", "snapshot", "tree:common", "--note", "before")
  const versions = await lines<VersionRow>("state", "log", "tree:common")
  const before = versions.at(-1)
  assert.equal(before?.note, "before")
  await inside("ada", "rm /srv/common/list && echo new > /srv/common/other")
  await ok("state", "rollback", "tree:common", String(before?.version), "--yes")
  const now = "cd /srv/common && cat list && ls"
  for (const instance of ["ada", "bob"]) {
    assert.equal(await inside(instance, now), "one\ntwo\nthree\nfour\nlist\nof-both\n", instance)
  }
  const kept = (await lines<VersionRow>("state", "log", "tree:common")).find(
    ({ reason }) => reason === "before-rollback",
  )
  await ok("state", "rollback", "tree:common", String(kept?.version), "--yes")
  assert.equal(await inside("bob", "ls /srv/common && cat /srv/common/other"), "of-both\nother\nnew\n")
})

test("a home is kept from one domain to the next, and what lies beside it is not", async () => {
  await inside("ada", "echo kept > ~/file && echo gone > /tmp/file")
  await ok("stop", "ada")
  assert.equal(await inside("ada", "cat ~/file; ls /tmp"), "kept\n")
  const trees = await lines<TreeRow>("state", "trees")
  assert.deepEqual(new Set(trees.map(({ tree }) => tree)), new Set(["common", "notes"]))
})

test("open files go on when the file server is killed and started anew", async () => {
  const script = `exec 3> /srv/common/log; for number in $(seq 40); do echo $number >&3; sleep 0.1; done; cat /srv/common/log | md5sum`
  const writing = inside("ada", script)
  await eventually("it writes", async () => (await inside("bob", "wc -l < /srv/common/log || true")) > "3")
  process.kill(await serverPid(), "SIGKILL")
  const expected = Array.from({ length: 40 }, (_, index) => `${index + 1}\n`).join("")
  assert.equal(await writing, `${createHash("md5").update(expected).digest("hex")}  -\n`)
})

/** Of the state store's server, which is a child of the daemon's sandbox. */
async function serverPid(): Promise<number> {
  const found = readdirSync("/proc").find((pid) => {
    if (!/^\d+$/.test(pid)) return false
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0")
      return words[0]?.endsWith("/node") && words.includes("store") && words.includes("--control")
    } catch {
      return false
    }
  })
  assert.ok(found !== undefined, "no file server runs")
  return Number(found)
}
