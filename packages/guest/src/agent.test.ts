import assert from "node:assert/strict"
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync, writeSync } from "node:fs"
import { constants, hostname } from "node:os"
import { join } from "node:path"
import type { Readable } from "node:stream"
import { buffer, text } from "node:stream/consumers"
import { test } from "node:test"
import { openLinux } from "@skerry/linux"
import {
  AGENT_LIMITS,
  AGENT_PROTOCOL_VERSION,
  type ExecParams,
  exec,
  identify,
  ping,
  RemoteError,
} from "@skerry/rpc"
import { openTestAgent, type TestAgent } from "./test-agent.ts"

const linux = openLinux()

const command = (argv: string[], more: Partial<ExecParams> = {}): ExecParams => ({
  argv,
  environment: [],
  workingDirectory: "/",
  user: process.getuid?.() === 0 ? "root" : "user",
  terminal: undefined,
  descriptors: false,
  ...more,
})

const shell = (script: string, more: Partial<ExecParams> = {}) => command(["sh", "-c", script], more)
const terminal = { rows: 30, columns: 100, type: "xterm" }

async function output(agent: TestAgent, params: ExecParams) {
  const call = agent.caller.call(exec, params)
  call.stdin.end()
  const [stdout, stderr, { exit }] = await Promise.all([text(call.stdout), text(call.stderr), call.result])
  return { stdout, stderr, exit }
}

/** The pieces of a stream until they contain `end`. */
async function readUntil(stream: Readable, end: string): Promise<string> {
  let seen = ""
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
    seen += String(chunk)
    if (seen.includes(end)) return seen
  }
  return seen
}

const failsWith = (call: { readonly result: Promise<unknown> }, code: string) =>
  assert.rejects(call.result, (error) => error instanceof RemoteError && error.code === code)

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

test("10 MB of binary pass through cat unchanged", async () => {
  await using agent = openTestAgent()
  const bytes = Buffer.alloc(
    10_000_000,
    Uint8Array.from({ length: 251 }, (_, index) => index),
  )
  const call = agent.caller.call(exec, command(["cat"]))
  call.stdin.end(bytes)
  const received = await buffer(call.stdout)
  assert.ok(received.equals(bytes))
  assert.deepEqual(await call.result, { exit: { kind: "code", code: 0 } })
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

test("no descriptor of the agent reaches a command", async () => {
  await using agent = openTestAgent()
  const { stdout } = await output(agent, shell("ls -l /proc/self/fd"))
  assert.doesNotMatch(stdout, /socket:/)
})

test("stdout can be opened by name, as a pipe can and a socket cannot", async () => {
  await using agent = openTestAgent()
  assert.equal((await output(agent, shell("echo hi > /dev/stdout"))).stdout, "hi\n")
})

test("a command that closes its input early is no failure", async () => {
  await using agent = openTestAgent()
  const call = agent.caller.call(exec, shell("exec <&-; echo done"))
  call.stdin.end(Buffer.alloc(5_000_000))
  assert.equal(await text(call.stdout), "done\n")
  assert.deepEqual((await call.result).exit, { kind: "code", code: 0 })
})

test("a signal from the caller reaches the command's whole group", async () => {
  await using agent = openTestAgent()
  const call = agent.caller.call(exec, shell("sleep 1000 & echo ready; wait"))
  await readUntil(call.stdout, "ready")
  call.send({ kind: "signal", number: constants.signals.SIGTERM })
  assert.deepEqual((await call.result).exit, { kind: "signal", signal: 15 })
})

test("a terminal has its size, and takes a new one", async () => {
  await using agent = openTestAgent()
  const script =
    "trap 'stty size; exit 3' WINCH; test -t 0 && stty size && tty && echo $TERM; while :; do sleep 0.05; done"
  const call = agent.caller.call(exec, shell(script, { terminal }))
  const first = await readUntil(call.stdout, "xterm")
  assert.match(first, /^30 100\r\n\/dev\/pts\/\d+\r\nxterm/)
  call.send({ kind: "resize", rows: 50, columns: 132 })
  assert.match(await readUntil(call.stdout, "132"), /50 132/)
  call.stdout.resume()
  assert.deepEqual((await call.result).exit, { kind: "code", code: 3 })
})

test("a terminal turns ^C into an interrupt, and the end of input into ^D", async () => {
  await using agent = openTestAgent()
  const interrupted = agent.caller.call(exec, shell("echo ready; exec cat", { terminal }))
  await readUntil(interrupted.stdout, "ready")
  interrupted.stdin.write("\x03")
  interrupted.stdout.resume()
  assert.deepEqual((await interrupted.result).exit, { kind: "signal", signal: 2 })
  const ended = agent.caller.call(exec, command(["cat"], { terminal }))
  ended.stdin.end("hello\n")
  assert.equal(await text(ended.stdout), "hello\r\nhello\r\n")
  assert.deepEqual((await ended.result).exit, { kind: "code", code: 0 })
})

test("a reader that stops does not keep other commands, and loses nothing", async () => {
  await using agent = openTestAgent()
  const stopped = agent.caller.call(exec, command(["head", "-c", "3000000", "/dev/zero"]))
  await new Promise((resolve) => stopped.stdout.once("readable", resolve))
  assert.equal((await output(agent, shell("head -c 3000000 /dev/zero | wc -c"))).stdout.trim(), "3000000")
  assert.equal((await buffer(stopped.stdout)).length, 3_000_000)
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

test("a process left behind does not keep the call open", async () => {
  await using agent = openTestAgent()
  const { stdout } = await output(agent, shell("sleep 30 & echo $!"))
  process.kill(Number(stdout))
})

test("all output arrives although a process left behind holds the pipe", async () => {
  await using agent = openTestAgent()
  const { stdout } = await output(agent, shell("sleep 30 & echo $!; head -c 1000000 /dev/zero"))
  const pid = stdout.slice(0, stdout.indexOf("\n"))
  process.kill(Number(pid))
  assert.equal(stdout.length, pid.length + 1 + 1_000_000)
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

test("host descriptors become the command's stdin, stdout and stderr", async () => {
  await using agent = openTestAgent()
  const [input, result, errors] = [linux.pipe(), linux.pipe(), linux.pipe()]
  linux.sendDescriptors(agent.descriptors, Buffer.alloc(4), [input.read, result.write, errors.write])
  const call = agent.caller.call(exec, command(["cat"], { descriptors: true }))
  for (const fd of [input.read, result.write, errors.write]) closeSync(fd)
  writeSync(input.write, "through")
  closeSync(input.write)
  assert.deepEqual((await call.result).exit, { kind: "code", code: 0 })
  const received = Buffer.alloc(100)
  assert.equal(received.toString("utf8", 0, readSync(result.read, received)), "through")
  assert.equal(readSync(result.read, received), 0, "the agent has closed its copy")
  for (const fd of [result.read, errors.read]) closeSync(fd)
})

test("a command that fails to start does not leave its descriptors to the next", async () => {
  await using agent = openTestAgent()
  const fd = openSync("/dev/zero", "r+")
  const other = openSync("/dev/full", "r+")
  linux.sendDescriptors(agent.descriptors, Buffer.alloc(4), [fd, fd, fd])
  linux.sendDescriptors(agent.descriptors, Buffer.alloc(4), [other, other, other])
  await failsWith(agent.caller.call(exec, command(["no-such-command"], { descriptors: true })), "not-found")
  const call = agent.caller.call(exec, shell("echo >&2 && exit 1; exit 5", { descriptors: true }))
  assert.deepEqual((await call.result).exit, { kind: "code", code: 5 })
  closeSync(fd)
  closeSync(other)
})

test("no descriptor is left open by commands of any kind", async () => {
  await using agent = openTestAgent()
  const openCount = () => readdirSync(`/proc/${agent.pid}/fd`).length
  await output(agent, command(["true"]))
  await output(agent, command(["true"], { terminal }))
  const before = openCount()
  for (let run = 0; run < 3; run++) {
    await output(agent, command(["true"]))
    await output(agent, command(["true"], { terminal }))
    await failsWith(agent.caller.call(exec, command(["no-such-command"])), "not-found")
    await failsWith(
      agent.caller.call(exec, command(["true"], { workingDirectory: "/none" })),
      "bad-directory",
    )
  }
  assert.equal(openCount(), before)
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
