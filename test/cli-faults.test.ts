import assert from "node:assert/strict"
import { type ChildProcess, execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, readdirSync, readFileSync } from "node:fs"

import { after, test } from "node:test"
import type { DaemonStatus, DomainRow } from "@skerry/rpc"
import { eventually, openBuiltHome } from "./support/built-home.ts"
import { ended, said } from "./support/command-line.ts"

/* Faults around running domains: each is one sentence, and nothing is lost or left behind. */
const home = await openBuiltHome()
after(() => home[Symbol.asyncDispose]())

/** 200 are the number of issue and limits; virtual machines are emulated on some hosts, so most are light. */
const RUNS = 200
const EVERY_NTH_IS_VM = 20

const statusOf = async () =>
  JSON.parse((await home.run(["daemon", "--status", "--json"])).stdout) as DaemonStatus

/** Processes that belong to this home, by what they run or where. */
function processes(): string[] {
  const mine: string[] = []
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ")
      const environment = readFileSync(`/proc/${pid}/environ`, "latin1")
      const isOurs = line.includes(home.folder) || environment.includes(`SKERRY_HOME=${home.folder}`)
      if (isOurs && Number(pid) !== process.pid) mine.push(`${pid} ${line}`)
    } catch {
      // ended meanwhile, or a zombie
    }
  }
  return mine
}

/** Every process of the daemon's family, however it is confined. */
function family(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean)
  return children.map(Number).flatMap((child) => [child, ...family(child)])
}

/** A process and all below it, once none has come or gone for a while: nothing is being started ahead. */
async function settledFamily(pid: number): Promise<number[]> {
  let members = family(pid)
  let sinceMs = performance.now()
  await eventually("nothing is being started", () => {
    const now = family(pid)
    if (now.join() !== members.join()) sinceMs = performance.now()
    members = now
    return performance.now() - sinceMs > 1500
  })
  return members
}

const isAlive = (pid: number) => existsSync(`/proc/${pid}/exe`) && readState(pid) !== "Z"
const readState = (pid: number) => /^\d+ \(.*\) (\w)/s.exec(readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1]

/** The cgroups of this home's domains, in whatever trees there are. */
function cgroups(): string[] {
  const name = createHash("sha256").update(home.runtime).digest("hex").slice(0, 12)
  const found = execFileSync("find", ["/sys/fs/cgroup", "-path", `*/skerry/${name}/*`, "-type", "d"])
  return found.toString().split("\n").filter(Boolean)
}

/** Everything that is kept, to a depth at which temporary files would show. */
function files(): string[] {
  const found = execFileSync("find", [home.folder, "-maxdepth", "4", "-not", "-path", "*/trees/*"])
  return found
    .toString()
    .split("\n")
    .filter((path) => path.startsWith(`${home.folder}/cache`))
    .sort()
}

const mounts = () =>
  readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => line.includes(home.folder))
const sockets = () =>
  readFileSync("/proc/net/unix", "utf8")
    .split("\n")
    .filter((line) => line.includes(home.folder))

test(`${RUNS} runs at once all succeed: they wait in line, and none is lost`, async (context) => {
  await home.run(["run", "-d", "mail", "--", "true"])
  const startMs = performance.now()
  let mostDomains = 0
  let mostWaiting = 0
  const isOver = new AbortController()
  const watch = (async () => {
    while (!isOver.signal.aborted) {
      const { domains, waiting } = await statusOf()
      mostDomains = Math.max(mostDomains, domains)
      mostWaiting = Math.max(mostWaiting, waiting)
    }
  })()
  const results = await Promise.all(
    Array.from({ length: RUNS }, (_, n) => {
      const instance = n % EVERY_NTH_IS_VM === 0 ? "bank" : n % 2 === 0 ? "light" : "other"
      return home.run(
        ["run", "-d", instance, "--", "sh", "-c", `read word; echo $word; exit ${n % 100}`],
        `${n}\n`,
      )
    }),
  )
  isOver.abort()
  await watch
  results.forEach((result, n) => {
    assert.deepEqual(result, { status: n % 100, stdout: `${n}\n`, stderr: "" })
  })
  context.diagnostic(
    `${((performance.now() - startMs) / 1000).toFixed(1)} s, at most ${mostDomains} domains and ${mostWaiting} in line`,
  )
  assert.ok(mostWaiting > 0, "they had to wait")
  await eventually("every disposable is gone", async () => (await statusOf()).domains === 0)
})

test("a second daemon says which process is there, and leaves the first alone", async () => {
  const { pid } = await statusOf()
  const { status, stderr } = await home.run(["daemon"])
  assert.equal(status, 1)
  assert.match(
    stderr,
    new RegExp(`A daemon runs for ${home.runtime} already as process ${pid}: "skerry daemon --stop" ends it`),
  )
  assert.equal((await statusOf()).pid, pid)
})

test("kill -9 of the daemon ends its domains; the next one leaves no process, socket, mount, cgroup or file", async () => {
  await home.run(["daemon", "--stop"])
  const before = { mounts: mounts(), cgroups: cgroups(), files: files() }
  const begin = async (instance: string): Promise<[ChildProcess, ReturnType<typeof ended>]> => {
    const child = home.spawn("run", instance, "--", "sh", "-c", "echo here; exec sleep 1000")
    await said(child, /here/)
    return [child, ended(child)]
  }
  const clients = [await begin("mail"), await begin("light")]
  await eventually("a domain stands by", async () => (await statusOf()).standby > 0)
  const { pid } = await statusOf()
  // A sandbox that is being made in this very moment may stay until the next daemon, which clears it away.
  const members = await settledFamily(pid)
  assert.ok(members.length >= 6, `${members.length} processes`)
  process.kill(pid, "SIGKILL")
  for (const [, end] of clients) {
    const { status, stderr } = await end
    assert.equal(status, 125)
    assert.match(
      stderr,
      /^skerry run: The daemon ended under the command: "skerry daemon --log" shows why\n$/,
    )
  }
  await eventually("its domains end with it", () => !members.some(isAlive))
  // The next daemon starts by itself.
  assert.deepEqual(await home.list<DomainRow>("ps"), [])
  assert.equal((await home.run(["run", "-d", "light", "--", "true"])).status, 0)
  await home.run(["daemon", "--stop"])
  await eventually("nothing of it runs", () => processes().length === 0)
  assert.deepEqual({ mounts: mounts(), cgroups: cgroups(), files: files() }, before)
  assert.deepEqual(sockets(), [])
  assert.deepEqual(readdirSync(home.runtime).sort(), ["daemon.lock", "skerryd.log", "start.lock"])
})

test("a domain whose process is killed is reported as that, and nothing else is harmed", async () => {
  const child = home.spawn("run", "mail", "--", "sh", "-c", "echo here; exec sleep 1000")
  await said(child, /here/)
  await home.run(["run", "bank", "--", "true"])
  const row = (await home.list<DomainRow>("ps")).find(({ domain }) => domain === "mail")
  process.kill(row?.pid ?? assert.fail(), "SIGKILL")
  const { status, stderr } = await ended(child)
  assert.equal(status, 125)
  assert.match(
    stderr,
    /^skerry run: The command in "mail" was cut off: the domain failed: its process was killed \(SIGKILL\)/,
  )
  assert.equal((await home.run(["exec", "bank", "--", "echo", "well"])).stdout, "well\n")
  assert.equal((await home.run(["run", "mail", "--", "echo", "again"])).stdout, "again\n")
})

test("a domain that takes all its memory ends, or kills what took it; the host and other domains go on", async () => {
  await home.run(["run", "bank", "--", "true"])
  const { status, stderr } = await home.run(["run", "-d", "mail", "--", "sh", "-c", "tail /dev/zero"])
  assert.ok([137, 1, 125].includes(status ?? 0), `${status}: ${stderr}`)
  const light = await home.run(["run", "-d", "light", "--", "sh", "-c", "tail /dev/zero"])
  assert.ok([137, 1, 125].includes(light.status ?? 0), `${light.status}: ${light.stderr}`)
  assert.equal((await home.run(["exec", "bank", "--", "echo", "well"])).stdout, "well\n")
})

test("SIGTERM ends the daemon in order, with all domains", async () => {
  await home.run(["run", "light", "--", "true"])
  await home.run(["run", "mail", "--", "true"])
  const { pid } = await statusOf()
  process.kill(pid, "SIGTERM")
  await eventually("it ends", () => processes().length === 0)
  assert.deepEqual(readdirSync(home.runtime).sort(), ["daemon.lock", "skerryd.log", "start.lock"])
  assert.match((await home.run(["daemon", "--log"])).stdout, /SIGTERM: ending\n(.*\n)*.* ended\n$/)
})
