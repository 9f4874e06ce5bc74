import assert from "node:assert/strict"
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs"
import { join } from "node:path"
import { VM_LIMITS, VM_SHAPE } from "./vm-host.ts"

/** A running domain's QEMU, seen from outside. */
export interface SeenProcess {
  readonly pid: number
  readonly uid: number
  readonly cgroups: readonly string[]
}

/** All that QEMU may see of the host: programs and libraries. */
const TOP_FOLDERS = ["bin", "dev", "lib", "lib32", "lib64", "libx32", "proc", "sbin", "usr"]
const DEVICES = [
  ...[
    "console",
    "core",
    "fd",
    "full",
    "kvm",
    "null",
    "ptmx",
    "pts",
    "random",
    "shm",
    "stderr",
    "stdin",
    "stdout",
  ],
  ...["tty", "urandom", "zero"],
]
/** What QEMU may need beside the guest's memory. */
const OVERHEAD_MIB = 256

/** Looked at by root: an ordinary user may not look into the processes of other accounts. */
export function assertConfined(
  seen: SeenProcess,
  others: readonly SeenProcess[],
  hidden: readonly string[],
): void {
  assert.equal(readlinkSync(`/proc/${seen.pid}/exe`).split("/").at(-1)?.startsWith("qemu-system-"), true)
  assertUnprivileged(seen)
  for (const other of others) assert.notEqual(seen.uid, other.uid, "two domains share an account")
  assertNamespaces(seen, others)
  assertView(seen, hidden)
  assertDescriptors(seen, others)
  assertLimits(seen)
}

export function statusOf(pid: number): Map<string, string> {
  const lines = readFileSync(`/proc/${pid}/status`, "utf8").trim().split("\n")
  return new Map(
    lines.map((line) => {
      const [name = "", ...rest] = line.split(":")
      return [name, rest.join(":").trim().replaceAll("\t", " ")]
    }),
  )
}

function assertUnprivileged({ pid, uid }: SeenProcess): void {
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const status = statusOf(Number(thread))
    assert.equal(status.get("Uid"), `${uid} ${uid} ${uid} ${uid}`)
    const gids = new Set(status.get("Gid")?.split(" "))
    assert.equal(gids.size, 1)
    assert.ok(!gids.has("0"))
    assert.equal(status.get("Groups"), "")
    for (const set of ["CapInh", "CapPrm", "CapEff", "CapAmb"]) {
      assert.equal(status.get(set), "0000000000000000", set)
    }
    assert.equal(status.get("NoNewPrivs"), "1")
    assert.equal(status.get("Seccomp"), "2")
  }
  assert.ok(uid > 65_534, `${uid} may be the account of somebody else`)
}

function assertNamespaces(seen: SeenProcess, others: readonly SeenProcess[]): void {
  for (const kind of ["mnt", "net", "pid", "ipc", "uts"]) {
    const of = (pid: number | "self") => readlinkSync(`/proc/${pid}/ns/${kind}`)
    const all = [of("self"), ...[seen, ...others].map(({ pid }) => of(pid))]
    assert.equal(new Set(all).size, all.length, `${kind}: ${all}`)
  }
  const interfaces = readFileSync(`/proc/${seen.pid}/net/dev`, "utf8").matchAll(/^ *(\w+):/gm)
  assert.deepEqual(
    [...interfaces].map(([, name]) => name),
    ["lo"],
  )
  // Its first process, bwrap's, and itself: it cannot even name another.
  const inside = readdirSync(`/proc/${seen.pid}/root/proc`).filter((name) => /^\d+$/.test(name))
  assert.ok(inside.length <= 3, inside.join(" "))
}

function assertView({ pid }: SeenProcess, hidden: readonly string[]): void {
  const root = `/proc/${pid}/root`
  for (const name of readdirSync(root)) assert.ok(TOP_FOLDERS.includes(name), `/${name} is seen`)
  for (const name of readdirSync(`${root}/dev`)) assert.ok(DEVICES.includes(name), `/dev/${name} is seen`)
  const mounts = readFileSync(`/proc/${pid}/mountinfo`, "utf8")
  for (const path of hidden) {
    assert.equal(existsSync(join(root, path)), false, `${path} is seen`)
    assert.ok(!mounts.includes(path), `${path} is mounted`)
  }
  assert.doesNotMatch(mounts, / cgroup2? /)
  for (const mount of mounts.trim().split("\n")) {
    const [place = "", options = ""] = mount.split(" ").slice(4)
    // /dev is a small memory of its own, and /proc its own process namespace's.
    if (place.startsWith("/dev") || place.startsWith("/proc") || place === "/") continue
    assert.match(options, /^ro,/, `${place} can be written`)
  }
}

function assertDescriptors(seen: SeenProcess, others: readonly SeenProcess[]): void {
  const own = targetsOf(seen.pid)
  assert.ok(own.some((target) => target.startsWith("socket:")))
  const foreign = new Set(others.flatMap(({ pid }) => targetsOf(pid)).filter(isSocket))
  for (const target of own.filter(isSocket)) assert.ok(!foreign.has(target), `${target} is shared`)
  for (const fd of readdirSync(`/proc/${seen.pid}/fd`)) {
    const target = readlinkSync(`/proc/${seen.pid}/fd/${fd}`)
    if (!target.endsWith(".erofs")) continue
    const flags = /^flags:\s+([0-7]+)/m.exec(readFileSync(`/proc/${seen.pid}/fdinfo/${fd}`, "utf8"))?.[1]
    assert.equal(Number.parseInt(flags ?? "", 8) & 3, 0, `${target} is open for writing`)
  }
}

const isSocket = (target: string) => target.startsWith("socket:")
const targetsOf = (pid: number) =>
  readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`))

function assertLimits({ pid, cgroups }: SeenProcess): void {
  const limits = readFileSync(`/proc/${pid}/limits`, "utf8")
  assert.match(limits, /^Max core file size +0 +0 /m, "a core file would have the guest's secrets")
  for (const path of cgroups) {
    const members = readFileSync(join(path, "cgroup.procs"), "utf8").trim().split("\n").map(Number)
    assert.ok(members.includes(pid), path)
    // The sandbox around it is in it as well.
    assert.equal(members.length, 4)
    const wanted: Readonly<Record<string, string>> = {
      "memory.limit_in_bytes": String((VM_SHAPE.memoryMiB + OVERHEAD_MIB) << 20),
      "memory.max": String((VM_SHAPE.memoryMiB + OVERHEAD_MIB) << 20),
      "pids.max": String(VM_LIMITS.processes),
      "cpu.weight": String(VM_LIMITS.cpuWeight),
      "cpu.shares": String(VM_LIMITS.cpuWeight * 10.24),
    }
    for (const [name, value] of Object.entries(wanted)) {
      const file = join(path, name)
      if (existsSync(file)) assert.equal(readFileSync(file, "utf8").trim(), value, file)
    }
  }
}
