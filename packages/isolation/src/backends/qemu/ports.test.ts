import assert from "node:assert/strict"
import { fstatSync } from "node:fs"
import { test } from "node:test"
import { openLinux } from "@skerry/linux"
import { IsolationError } from "../../backend.ts"
import { Ports } from "./ports.ts"

const linux = openLinux()

/** A QEMU that does as it is told, but for the command that it refuses. */
function scripted(refuses = "") {
  const commands: string[] = []
  const answer = (command: string) => {
    commands.push(command)
    if (command === refuses) throw new IsolationError("spawn-failed", `QEMU refused "${command}"`)
  }
  const monitor = {
    execute: async (command: string) => answer(command),
    deleteDevice: async () => answer("device_del"),
  }
  return { commands, ports: new Ports({ monitor, giveDescriptor: async () => answer("getfd") }) }
}

function oneSocket() {
  const [ours, other] = linux.socketPair()
  return { fd: ours, other }
}

const isOpen = (fd: number) => {
  try {
    return fstatSync(fd) !== undefined
  } catch {
    return false
  }
}

test("a port is added and taken away again, in turns, and its name is then free", async () => {
  const { ports, commands } = scripted()
  const sockets = [oneSocket(), oneSocket()]
  await Promise.all([
    ports.add("tree.a", sockets[0]?.fd ?? -1),
    ports.remove("tree.a"),
    ports.add("tree.a", sockets[1]?.fd ?? -1),
  ])
  const added = ["getfd", "chardev-add", "device_add"]
  assert.deepEqual(commands, [...added, "device_del", "chardev-remove", ...added])
  for (const { fd } of sockets) assert.equal(isOpen(fd), false)
})

test("a port of a name that is taken, or is no name, is refused; the socket is closed all the same", async () => {
  const { ports } = scripted()
  await ports.add("a".repeat(63), oneSocket().fd)
  for (const name of ["a".repeat(63), "", "a".repeat(64), "A", "a b", "a,b", "a/b"]) {
    const { fd } = oneSocket()
    await assert.rejects(ports.add(name, fd), { name: "IsolationError", code: "spawn-failed" })
    assert.equal(isOpen(fd), false)
  }
  await ports.remove("unknown")
})

for (const [refuses, undone] of [
  ["getfd", []],
  ["chardev-add", ["closefd"]],
  ["device_add", ["chardev-remove"]],
] as const) {
  test(`nothing is left of a port where QEMU refuses ${refuses}`, async () => {
    const { ports, commands } = scripted(refuses)
    await assert.rejects(ports.add("tree.a", oneSocket().fd), { code: "spawn-failed" })
    assert.deepEqual(commands.slice(commands.indexOf(refuses) + 1), undone)
  })
}
