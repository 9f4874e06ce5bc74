import assert from "node:assert/strict"
import { existsSync, readFileSync } from "node:fs"
import { constants, hostname } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { AGENT_LIMITS, AGENT_PROTOCOL_VERSION, type ExecParams, exec, identify, ping } from "@skerry/rpc"
import { openTestAgent } from "./test-agent.ts"
import { command, failsWith, output, readUntil, shell } from "./test-commands.ts"

test("ping gives the version and the boot id", async () => {
  await using agent = openTestAgent()
  const bootId = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()
  assert.deepEqual(await agent.caller.call(ping, { version: 1 }).result, {
    version: AGENT_PROTOCOL_VERSION,
    bootId,
  })
})

test("a command's streams and exit code reach the caller", async () => {
  await using agent = openTestAgent()
  assert.deepEqual(await output(agent, shell("echo out; echo err >&2; exit 7")), {
    stdout: "out\n",
    stderr: "err\n",
    exit: { kind: "code", code: 7 },
  })
})

test("a signal that ends a command reaches the caller", async () => {
  await using agent = openTestAgent()
  assert.deepEqual((await output(agent, shell("kill -KILL $$"))).exit, { kind: "signal", signal: 9 })
})

test("the environment holds nothing of the agent's own", async () => {
  await using agent = openTestAgent()
  const { stdout } = await output(
    agent,
    command(["env"], {
      environment: [
        ["A", "1"],
        ["HOME", "/x"],
      ],
    }),
  )
  const variables = Object.fromEntries(
    stdout
      .trim()
      .split("\n")
      .map((line) => line.split("=", 2)),
  )
  assert.deepEqual(
    Object.keys(variables).toSorted((a, b) => (a < b ? -1 : 1)),
    ["A", "HOME", "LANG", "LOGNAME", "PATH", "SHELL", "USER"],
  )
  assert.deepEqual([variables.A, variables.HOME], ["1", "/x"])
})

test("a signal from the caller reaches the command's whole group", async () => {
  await using agent = openTestAgent()
  const call = agent.caller.call(exec, shell("sleep 1000 & echo ready; wait"))
  await readUntil(call.stdout, "ready")
  call.send({ kind: "signal", number: constants.signals.SIGTERM })
  assert.deepEqual((await call.result).exit, { kind: "signal", signal: 15 })
})

test("50 commands at once", async () => {
  await using agent = openTestAgent()
  const runs = Array.from(
    { length: 50 },
    async (_, index) => await output(agent, shell(`echo ${index}; exit ${index}`)),
  )
  for (const [index, { stdout, exit }] of (await Promise.all(runs)).entries()) {
    assert.deepEqual([stdout, exit], [`${index}\n`, { kind: "code", code: index }])
  }
})

test("a cancelled command's group is ended", async () => {
  await using agent = openTestAgent()
  const abort = new AbortController()
  const call = agent.caller.call(exec, shell("echo $$; sleep 1000"), { signal: abort.signal })
  const pid = Number(await readUntil(call.stdout, "\n"))
  abort.abort(new Error("enough"))
  await assert.rejects(call.result, { message: "enough" })
  await gone(pid)
})

/** The kernel tells of a process's end by its directory. */
async function gone(pid: number): Promise<void> {
  const isThere = () => {
    try {
      process.kill(pid, 0)
      return true
    } catch {
      return false
    }
  }
  while (isThere()) await new Promise((resolve) => setTimeout(resolve, 10))
}

test("failures to start have codes that a shell's exit codes follow from", async () => {
  await using agent = openTestAgent()
  const call = (params: ExecParams) => agent.caller.call(exec, params)
  await failsWith(call(command(["no-such-command"])), "not-found")
  await failsWith(call(command(["/no/such/command"])), "not-found")
  await failsWith(call(command(["/etc/passwd"])), "not-executable")
  await failsWith(call(command(["/etc"])), "not-executable")
  await failsWith(call(command(["true"], { workingDirectory: "/no/such/directory" })), "bad-directory")
  await failsWith(call(command(["true"], { workingDirectory: "/etc/passwd" })), "bad-directory")
  await failsWith(call(command(["true"], { descriptors: true })), "no-descriptors")
})

test("argv at its limit runs, one byte more is not sent", async () => {
  await using agent = openTestAgent()
  const argv = ["sh", "-c", 'expr length "$1"', "sh"]
  const fixedBytes = argv.join("").length
  const longest = "x".repeat(AGENT_LIMITS.commandBytes - fixedBytes)
  assert.equal((await output(agent, command([...argv, longest]))).stdout, `${longest.length}\n`)
  assert.throws(() => agent.caller.call(exec, command([...argv, `${longest}x`])), RangeError)
})

test("4096 arguments run, 4097 are not sent", async () => {
  await using agent = openTestAgent()
  const argv = ["sh", "-c", "echo $#", ...new Array<string>(AGENT_LIMITS.argvItems - 3).fill("x")]
  assert.equal((await output(agent, command(argv))).stdout, `${argv.length - 4}\n`)
  assert.throws(() => agent.caller.call(exec, command([...argv, "x"])), RangeError)
})

test("a command that the agent runs as another account keeps nothing of root", {
  skip: process.getuid?.() === 0 ? false : "only root can take on another account",
}, async () => {
  await using agent = openTestAgent()
  const script =
    "id -u; id -g; id -G; grep -E '^(Uid|Gid|Groups|CapInh|CapPrm|CapEff|CapAmb|NoNewPrivs|SigIgn|SigBlk):' /proc/self/status"
  const { stdout } = await output(agent, shell(script, { user: "user" }))
  const lines = stdout
    .trim()
    .split("\n")
    .map((line) => line.replace(/\s+/g, " ").trim())
  assert.deepEqual(lines, [
    ...["1000", "1000", "1000"],
    ...["Uid: 1000 1000 1000 1000", "Gid: 1000 1000 1000 1000", "Groups:"],
    ...["SigBlk: 0000000000000000", "SigIgn: 0000000000000000"],
    ...["CapInh", "CapPrm", "CapEff", "CapAmb"].map((name) => `${name}: 0000000000000000`),
    "NoNewPrivs: 1",
  ])
  const after = readFileSync(`/proc/${agent.pid}/status`, "utf8")
  assert.match(after, /^Uid:\t0\t0\t0\t0$/m)
  assert.match(after, /^Gid:\t0\t0\t0\t0$/m)
})

test("identify names the domain, not the host that the agent runs on; it refuses what no host name, machine-id or entropy is", async () => {
  await using agent = openTestAgent()
  const good = {
    entropy: new Uint8Array(32),
    wallClockNs: 1n,
    hostName: "mail-1",
    machineId: "0123456789abcdef0123456789abcdef",
  }
  const id = "/etc/machine-id"
  const names = () => [hostname(), existsSync(id) ? readFileSync(id, "utf8") : undefined]
  const before = names()
  const { remarks } = await agent.caller.call(identify, good).result
  assert.equal(readFileSync(join(agent.root, "etc/machine-id"), "utf8"), `${good.machineId}\n`)
  if (process.getuid?.() === 0) {
    assert.deepEqual(remarks, [])
    assert.equal((await output(agent, shell("uname -n"))).stdout, "mail-1\n")
  }
  assert.deepEqual(names(), before)
  for (const bad of [
    { hostName: "" },
    { hostName: "a/b" },
    { hostName: "-a" },
    { hostName: "a".repeat(65) },
    { machineId: "0123" },
    { machineId: "G".repeat(32) },
    { entropy: new Uint8Array(31) },
    { entropy: new Uint8Array(65) },
    { wallClockNs: 1n << 62n },
  ]) {
    assert.throws(
      () => agent.caller.call(identify, { ...good, ...bad }),
      RangeError,
      JSON.stringify(Object.keys(bad)),
    )
  }
})
