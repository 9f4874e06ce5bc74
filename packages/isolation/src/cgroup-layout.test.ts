import assert from "node:assert/strict"
import { test } from "node:test"
import { candidateDirectories, limitWrites, parseHierarchies, parseOomKills } from "./cgroup-layout.ts"

const UNIFIED = "31 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
const HYBRID = `27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
34 31 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset
40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
`

test("a unified host has one hierarchy and our place in it", () => {
  const [unified, ...rest] = parseHierarchies(
    UNIFIED,
    "0::/user.slice/user-1000.slice/user@1000.service/a.scope\n",
  )
  assert.deepEqual(rest, [])
  assert.deepEqual(unified, {
    version: 2,
    controllers: [],
    mountPoint: "/sys/fs/cgroup",
    own: "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/a.scope",
  })
})

test("a hybrid host has the controllers that we use, each where it is mounted", () => {
  const found = parseHierarchies(HYBRID, "5:memory:/a/b\n2:cpu,cpuacct:/\n0::/\n")
  assert.deepEqual(
    found.map(({ version, controllers, own }) => [version, controllers.join(), own]),
    [
      [1, "cpu", "/sys/fs/cgroup/cpu,cpuacct"],
      [1, "memory", "/sys/fs/cgroup/memory/a/b"],
      [2, "", "/sys/fs/cgroup/unified"],
    ],
  )
})

test("a mount of part of the tree, as in a container, is counted from its root", () => {
  const mount = "1 2 0:3 /box/x /sys/fs/cgroup ro - cgroup2 cgroup2 rw\n"
  assert.equal(parseHierarchies(mount, "0::/box/x/job\n")[0]?.own, "/sys/fs/cgroup/job")
  assert.equal(parseHierarchies(mount, "0::/elsewhere\n")[0]?.own, "/sys/fs/cgroup")
})

test("a host without cgroups has none, whatever the text", () => {
  assert.deepEqual(parseHierarchies("", ""), [])
  assert.deepEqual(parseHierarchies("nonsense\n - cgroup2\n", "::\n"), [])
})

test("root's subtree is at the top, a user's at the highest place that may be theirs", () => {
  const [unified] = parseHierarchies(UNIFIED, "0::/user.slice/u.service/a.scope\n")
  assert.ok(unified)
  assert.deepEqual(candidateDirectories(unified, 0), ["/sys/fs/cgroup"])
  assert.deepEqual(candidateDirectories(unified, 1000), [
    "/sys/fs/cgroup/user.slice",
    "/sys/fs/cgroup/user.slice/u.service",
    "/sys/fs/cgroup/user.slice/u.service/a.scope",
  ])
  assert.deepEqual(candidateDirectories({ ...unified, version: 1 }, 1000), [])
})

test("limits become the files of either version, only for controllers that are there", () => {
  const limits = { memoryBytes: 1 << 20, processes: 64, cpuWeight: 100 }
  const lines = (version: 1 | 2, controllers: string[]) =>
    limitWrites(version, controllers, limits).map(({ file, value }) => `${file}=${value}`)
  assert.deepEqual(lines(2, ["memory", "pids", "cpu"]), [
    "memory.max=1048576",
    "memory.swap.max=0",
    "memory.oom.group=1",
    "pids.max=64",
    "cpu.weight=100",
  ])
  assert.deepEqual(lines(1, ["memory"]), [
    "memory.limit_in_bytes=1048576",
    "memory.memsw.limit_in_bytes=1048576",
  ])
  assert.deepEqual(lines(1, ["cpu"]), ["cpu.shares=1024"])
  assert.deepEqual(lines(1, ["freezer"]), [])
  assert.equal(limitWrites(1, ["cpu"], { ...limits, cpuWeight: 1 })[0]?.value, "10")
})

test("kills for want of memory are read from the files of both versions", () => {
  assert.equal(parseOomKills("low 0\nhigh 0\nmax 4\noom 2\noom_kill 3\noom_group_kill 1\n"), 3)
  assert.equal(parseOomKills("oom_kill_disable 0\nunder_oom 0\noom_kill 5\n"), 5)
  assert.equal(parseOomKills(""), 0)
})
