import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, before, describe, test } from "node:test"
import {
  type Cgroups,
  type Domain,
  type ImageFiles,
  type IsolationBackend,
  openCgroups,
  readCgroupTexts,
} from "@skerry/isolation"
import { parseDomainId } from "@skerry/model"
import { CALLS } from "../packages/isolation/src/backends/bubblewrap/seccomp-calls.ts"
import {
  ask,
  buildTestImage,
  LIMITS,
  openTestBackend,
  runInside,
  SHAPE,
  testAccounts,
} from "./isolation-fixture.ts"
import { isGone, processesOf, statusOf, untilGone } from "./support/host-processes.ts"

const never = () => AbortSignal.timeout(30_000)
const EPERM = 1
const ENOSYS = 38

describe("a domain of level process", { skip: process.getuid?.() !== 0 }, () => {
  const folder = mkdtempSync(join(tmpdir(), "skerry-process-"))
  const cacheDirectory = join(folder, "cache")
  const accounts = testAccounts(folder)
  let image: ImageFiles
  let cgroups: Cgroups
  let noCgroups: Cgroups
  let backend: IsolationBackend
  let count = 0

  before(async () => {
    image = await buildTestImage(folder)
    cgroups = await openCgroups({ ...(await readCgroupTexts()), uid: 0, home: folder })
    noCgroups = await openCgroups({ mountinfo: "", selfCgroup: "", uid: 0, home: folder })
    backend = await openTestBackend({ cacheDirectory, cgroups, accounts })
  })

  after(async () => {
    await backend[Symbol.asyncDispose]()
    await cgroups[Symbol.asyncDispose]()
    accounts[Symbol.dispose]()
    rmSync(folder, { recursive: true })
  })

  async function start(from = backend): Promise<Domain> {
    const id = parseDomainId(`process-${count++}`)
    const domain = await from.boot(image, SHAPE, { id, limits: LIMITS, onConsole: () => {} }, never())
    assert.equal(await ask(domain.channel, { kind: "hello" }), "hello")
    return domain
  }

  test("has no rights, seen from the host", async () => {
    await using domain = await start()
    const own = processesOf(domain.processes.pid)
    assert.ok(own.length >= 2, "bwrap's first process and the agent")
    for (const pid of own) {
      const status = statusOf(pid)
      assert.equal(status.get("Uid"), `${domain.processes.uid} `.repeat(4).trim())
      for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]) {
        assert.equal(status.get(set), "0000000000000000", set)
      }
      assert.equal(status.get("NoNewPrivs"), "1")
      assert.equal(status.get("Seccomp"), "2")
      assert.equal(status.get("Groups"), "")
    }
    assert.ok(domain.processes.uid >= 1_900_000_000)
  })

  test("has every process in its cgroup, and no host file in sight", async () => {
    await using domain = await start()
    const { pid, cgroups: paths } = domain.processes
    assert.ok(paths.length > 0)
    for (const path of paths) {
      const inside = readFileSync(join(path, "cgroup.procs"), "utf8").trim().split("\n").map(Number)
      for (const each of processesOf(pid)) assert.ok(inside.includes(each), path)
    }
    assert.deepEqual(readdirSync(`/proc/${pid}/root`).sort(), [
      ...["bin", "dev", "etc", "home", "lib", "lib64", "proc", "run", "tmp", "usr", "var"],
    ])
    const mounts = readFileSync(`/proc/${pid}/mountinfo`, "utf8")
    assert.doesNotMatch(mounts, / ext4 | xfs | btrfs | cgroup/)
    assert.doesNotMatch(mounts, new RegExp(folder))
  })

  test("is user 1000 on a host of its own name, with nothing but loopback", async () => {
    await using domain = await start()
    assert.match((await runInside(domain, "id")).output, /^uid=1000 gid=1000/)
    assert.equal((await runInside(domain, "hostname")).output.trim(), domain.id)
    assert.match((await runInside(domain, "cat", "/etc/machine-id")).output, /^[0-9a-f]{32}\n$/)
    const interfaces = (await runInside(domain, "cat", "/proc/net/dev")).output.match(/^ *\w+:/gm)
    assert.deepEqual(
      interfaces?.map((name) => name.trim()),
      ["lo:"],
    )
    const seen = (await runInside(domain, "ps", "-o", "comm")).output.trim().split("\n").slice(1)
    assert.deepEqual(
      new Set(seen),
      new Set(["bwrap", "node", "MainThread", "ps"].filter((name) => seen.includes(name))),
    )
  })

  test("writes only where nothing stays", async () => {
    {
      await using domain = await start()
      for (const place of ["/tmp", "/var/tmp", "/run/user/1000", "/home/user", "/dev/shm"]) {
        assert.equal((await runInside(domain, "touch", `${place}/mark`)).status, "0", place)
      }
      for (const place of ["/", "/etc", "/usr", "/usr/lib/skerry", "/var", "/proc/sys/kernel"]) {
        assert.equal((await runInside(domain, "touch", `${place}/mark`)).status, "1", place)
      }
    }
    await using next = await start()
    assert.equal((await runInside(next, "cat", "/tmp/mark")).status, "1")
  })

  test("is refused every system call of the table", async () => {
    await using domain = await start()
    const calls = CALLS.x86_64
    const numbers = Object.values(calls.denied)
    const errors = await callInside(
      domain,
      numbers.map((number) => [number]),
    )
    for (const [index, name] of Object.keys(calls.denied).entries()) assert.equal(errors[index], EPERM, name)
  })

  test("makes no namespaces, no odd personality or socket, and no calls by other doors", async () => {
    await using domain = await start()
    const calls = CALLS.x86_64
    const newUser = 0x10000000 | 17
    const cases: [string, number[], number][] = [
      ["clone of a user namespace", [calls.clone, newUser, 0, 0, 0, 0], EPERM],
      ["clone3", [calls.clone3, 0, 0], ENOSYS],
      ["personality without randomised addresses", [calls.personality, 0x40000], EPERM],
      ["a packet socket", [calls.socket, 17, 3, 0], 97],
      ["a vsock socket", [calls.socket, 40, 1, 0], 97],
      ["TIOCSTI", [calls.ioctl, 0, 0x5412, 0], EPERM],
      ["TIOCLINUX", [calls.ioctl, 0, 0x541c, 0], EPERM],
      ["x32 getpid", [0x40000000 + 39], ENOSYS],
      ["a call that is not there yet", [9999], ENOSYS],
      ["asking for the personality", [calls.personality, 0xffffffff], 0],
      ["a Unix socket", [calls.socket, 1, 1, 0], 0],
    ]
    const errors = await callInside(
      domain,
      cases.map(([, call]) => call),
    )
    for (const [index, [name, , expected]] of cases.entries()) assert.equal(errors[index], expected, name)
    assert.equal((await runInside(domain, "foreign-door")).status, "SIGSYS")
  })

  test("leaves no process when it ends, also none that hides in a session of its own", async () => {
    const domain = await start()
    assert.equal(await ask(domain.channel, { kind: "leave", argv: ["sleep", "1000"] }), "left")
    const own = processesOf(domain.processes.pid)
    assert.equal(own.length, 3)
    domain.channel.write('{"kind":"exit","code":0}\n')
    assert.deepEqual(await domain.exited, { kind: "powered-off" })
    for (const pid of own) assert.ok(isGone(pid))
  })

  test("ends as killed when it takes more memory than it may", async (t) => {
    if (!cgroups.controls.memory) return t.skip("no memory controller here")
    const domain = await start()
    const hog = "Buffer.alloc(1 << 30, 1)"
    const argv = ["/usr/lib/skerry/node", "-e", hog]
    // The kernel picks the hog, or with version 2 ends the whole domain; either way the host is not touched.
    const answer = ask(domain.channel, { kind: "run", argv }).catch(() => "no answer")
    const end = await Promise.race([answer, domain.exited])
    assert.match(JSON.stringify(end), /SIGKILL/)
    await domain[Symbol.asyncDispose]()
  })

  for (const [name, open] of Object.entries({
    cgroup: () => cgroups,
    "limit of its account": () => noCgroups,
  })) {
    test(`cannot have more processes than it may: ${name}`, async () => {
      await using own = await openTestBackend({ cacheDirectory, cgroups: open(), accounts })
      await using domain = await start(own)
      const bomb =
        "my $n = 0; while (defined(my $p = fork)) { if (!$p) { sleep 1000 } $n++ } print $n; kill 9, -getpgrp"
      const { output } = await runInside(domain, "/usr/bin/perl", "-e", `$| = 1; setpgrp; ${bomb}`)
      assert.ok(Number(output) > 50 && Number(output) < LIMITS.processes, output)
    })
  }

  test("tells a failing agent's last words", async () => {
    const domain = await start()
    domain.channel.write('{"kind":"exit","code":3}\n')
    const exit = await domain.exited
    assert.equal(exit.kind, "failed")
    assert.match(exit.kind === "failed" ? exit.message : "", /status 3/)
  })

  test("does not start from files that were altered after they were extracted, and does when they were only touched", async () => {
    const own = join(folder, "altered")
    await using first = await openTestBackend({ cacheDirectory: own, cgroups, accounts })
    await using template = await first.prepare(image, SHAPE, never())
    const request = () => ({ id: parseDomainId(`altered-${count++}`), limits: LIMITS, onConsole: () => {} })
    const layer = image.layers[0]?.digest.replace("sha256:", "") ?? assert.fail()
    const file = join(own, "trees", layer, "usr/bin/perl")

    utimesSync(file, 1, 1)
    await (await first.start(template, request(), never()))[Symbol.asyncDispose]()

    const bytes = readFileSync(file)
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
    writeFileSync(file, bytes)
    utimesSync(file, 1, 1)
    const refused = { name: "IsolationError", code: "image-altered" }
    await assert.rejects(first.start(template, request(), never()), refused)
    await using second = await openTestBackend({ cacheDirectory: own, cgroups, accounts })
    await assert.rejects(second.prepare(image, SHAPE, never()), refused)

    rmSync(join(own, "trees", layer), { recursive: true })
    await using third = await openTestBackend({ cacheDirectory: own, cgroups, accounts })
    await using again = await third.prepare(image, SHAPE, never())
    chmodSync(join(own, "trees", layer, "usr/bin/perl"), 0o4755)
    await assert.rejects(third.start(again, request(), never()), refused)
  })

  test("an extraction that was cut off leaves nothing that is used", async () => {
    const own = join(folder, "cut")
    await using first = await openTestBackend({ cacheDirectory: own, cgroups, accounts })
    await assert.rejects(first.prepare(image, SHAPE, AbortSignal.timeout(150)), { code: "aborted" })
    const partial = join(own, "trees", ".partial-of-a-dead-daemon")
    writeFileSync(partial, "")
    await using second = await openTestBackend({ cacheDirectory: own, cgroups, accounts })
    assert.ok(readdirSync(join(own, "trees")).every((name) => !name.startsWith(".partial-")))
    await using _template = await second.prepare(image, SHAPE, never())
  })

  for (const victim of ["daemon", "launcher"] as const) {
    test(`ends when its ${victim} is killed`, async () => {
      const holder = spawn(process.execPath, [join(import.meta.dirname, "isolation-holder.ts")], {
        stdio: ["pipe", "pipe", "inherit"],
      })
      const exited = once(holder, "exit")
      holder.stdin.end(JSON.stringify({ image, folder }))
      const [text] = await once(holder.stdout, "data")
      const { pid, launcher }: { pid: number; launcher: number } = JSON.parse(String(text))
      const own = processesOf(pid)
      process.kill(victim === "daemon" ? Number(holder.pid) : launcher, "SIGKILL")
      if (victim === "launcher") {
        const [report] = await once(holder.stdout, "data")
        assert.equal(JSON.parse(String(report)).kind, "killed")
        for (const each of own) assert.ok(isGone(each))
      }
      await exited
      await Promise.all(own.map(untilGone))
      await using left = await openCgroups({ ...(await readCgroupTexts()), uid: 0, home: `${folder}-holder` })
      await left.sweep()
    })
  }
})

/** errno of each call made by perl, 0 where it succeeded. All arguments that are not given are 0. */
async function callInside(domain: Domain, calls: readonly (readonly number[])[]): Promise<number[]> {
  const lines = calls.map((call) => {
    const args = [...call, 0, 0, 0, 0, 0, 0].slice(0, 7).map((value) => `${value}+0`)
    return `$r = syscall(${args.join(",")}); print $r < 0 ? $!+0 : 0, "\\n";`
  })
  const { output, status } = await runInside(domain, "/usr/bin/perl", "-e", lines.join(""))
  assert.equal(status, "0", output)
  return output.trim().split("\n").map(Number)
}
