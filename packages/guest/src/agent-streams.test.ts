import assert from "node:assert/strict"
import { closeSync, openSync, readdirSync, readSync, writeSync } from "node:fs"
import { buffer, text } from "node:stream/consumers"
import { test } from "node:test"
import { openLinux } from "@skerry/linux"
import { exec } from "@skerry/rpc"
import { openTestAgent } from "./test-agent.ts"
import { command, failsWith, output, readUntil, shell, terminal } from "./test-commands.ts"

const linux = openLinux()

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
