import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { test } from "node:test"
import { type CgroupOptions, openCgroups, readCgroupTexts } from "@skerry/isolation"
import { parseDomainId } from "@skerry/model"

const isRoot = process.getuid?.() === 0
const limits = { memoryBytes: 64 << 20, processes: 20, cpuWeight: 50 }
const id = parseDomainId("cgroup-test")

async function options(home: string, keep: (mount: string) => boolean): Promise<CgroupOptions> {
  const texts = await readCgroupTexts()
  const mountinfo = texts.mountinfo.split("\n").filter(keep).join("\n")
  return { mountinfo, selfCgroup: texts.selfCgroup, uid: 0, home: `${home}-${process.pid}` }
}

const layouts = {
  "as this host has it": () => true,
  "version 1 alone": (mount: string) => !mount.includes(" - cgroup2 "),
}

for (const [name, keep] of Object.entries(layouts)) {
  test(`a domain's cgroup holds, freezes and kills its processes: ${name}`, { skip: !isRoot }, async (t) => {
    await using cgroups = await openCgroups(await options(name, keep))
    if (!cgroups.controls.freezer) return t.skip("no cgroups here")
    const cgroup = await cgroups.create(id, limits)
    const child = spawn("sh", ["-c", "read go; sleep 1000 & wait"], { stdio: ["pipe", "ignore", "ignore"] })
    const exited = once(child, "exit")
    assert.ok(child.pid)
    await cgroup.add(child.pid)
    child.stdin.end("\n")
    while ((await cgroup.processes()).length < 2) await new Promise((resolve) => setImmediate(resolve))

    await cgroup.freeze(true)
    await cgroup.freeze(false)
    await cgroup.freeze(true)
    assert.equal(await cgroup.oomKills(), 0)

    await Promise.all([cgroup[Symbol.asyncDispose](), cgroup[Symbol.asyncDispose]()])
    assert.deepEqual(await exited, [null, "SIGKILL"])
    for (const path of cgroup.paths) assert.equal(existsSync(path), false, path)
  })
}

test("a process over its memory limit is killed, and the kill is counted", { skip: !isRoot }, async (t) => {
  await using cgroups = await openCgroups(await options("oom", () => true))
  if (!cgroups.controls.memory) return t.skip("no memory controller here")
  await using cgroup = await cgroups.create(id, limits)
  const child = spawn(process.execPath, [
    "-e",
    "process.stdin.on('end', () => Buffer.alloc(256 << 20, 1)).resume()",
  ])
  const exited = once(child, "exit")
  assert.ok(child.pid)
  await cgroup.add(child.pid)
  child.stdin.end()
  assert.deepEqual(await exited, [null, "SIGKILL"])
  assert.equal(await cgroup.oomKills(), 1)
})

test("what a dead daemon left is swept away, another installation's is not", { skip: !isRoot }, async (t) => {
  const mine = await options("mine", () => true)
  await using cgroups = await openCgroups(mine)
  if (!cgroups.controls.freezer) return t.skip("no cgroups here")
  const left = await cgroups.create(id, limits)
  await using other = await openCgroups({ ...mine, home: `${mine.home}-other` })
  await using others = await other.create(id, limits)
  const child = spawn("sleep", ["1000"])
  const exited = once(child, "exit")
  assert.ok(child.pid)
  await left.add(child.pid)

  await (await openCgroups(mine)).sweep()
  assert.deepEqual(await exited, [null, "SIGKILL"])
  for (const path of left.paths) assert.equal(existsSync(path), false)
  for (const path of others.paths) assert.equal(existsSync(path), true)
})

test("a domain id that is in use is refused and the one in use stays", { skip: !isRoot }, async (t) => {
  await using cgroups = await openCgroups(await options("twice", () => true))
  if (!cgroups.controls.freezer) return t.skip("no cgroups here")
  await using first = await cgroups.create(id, limits)
  await assert.rejects(cgroups.create(id, limits), { code: "unusable" })
  for (const path of first.paths) assert.equal(existsSync(path), true)
  await cgroups[Symbol.asyncDispose]()
  for (const path of first.paths) assert.equal(existsSync(path), true, "not removed under a running domain")
})

test("a host that allows nothing says so and still starts domains", async () => {
  await using cgroups = await openCgroups({ mountinfo: "", selfCgroup: "", uid: 1000, home: "none" })
  assert.deepEqual(cgroups.controls, { memory: false, processes: false, cpu: false, freezer: false })
  assert.match(cgroups.reason ?? "", /no cgroup file system/)
  await using cgroup = await cgroups.create(id, limits)
  assert.deepEqual(cgroup.paths, [])
  assert.notEqual(await readFile("/proc/self/cgroup", "utf8"), "")
})
