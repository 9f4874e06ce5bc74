import assert from "node:assert/strict"
import { closeSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { openLinux } from "@skerry/linux"
import { Loop } from "@skerry/loop"
import { portClients } from "./client-source.ts"

const linux = openLinux()

/** A machine whose ports are named by the test; all of them are /dev/null. */
class Machine implements Disposable {
  readonly loop = new Loop(linux, () => performance.now())
  readonly ports = mkdtempSync(join(tmpdir(), "skerry-ports-"))
  readonly clients = portClients({ loop: this.loop, linux }, this.ports)

  plugIn(name: string): void {
    mkdirSync(join(this.ports, "null"))
    writeFileSync(join(this.ports, "null/name"), `${name}\n`)
  }

  turn(ms: number): void {
    this.loop.after(ms, () => this.loop.stop())
    this.loop.run()
  }

  [Symbol.dispose](): void {
    rmSync(this.ports, { recursive: true })
  }
}

test("a client whose port the machine's kernel has not made yet is served when it has", () => {
  using machine = new Machine()
  const opened: number[] = []
  machine.clients.open(5, (fd) => opened.push(fd))
  machine.turn(20)
  assert.deepEqual(opened, [])
  machine.plugIn("skerry.client.5")
  machine.turn(200)
  assert.equal(opened.length, 1)
  closeSync(opened[0] ?? -1)
})

test("one that was given up meanwhile is not", () => {
  using machine = new Machine()
  const giveUp = machine.clients.open(5, () => assert.fail("it was given up"))
  machine.turn(20)
  giveUp()
  machine.plugIn("skerry.client.5")
  machine.turn(200)
})

test("a port whose device is gone before it was opened harms nobody", () => {
  using machine = new Machine()
  mkdirSync(join(machine.ports, "no-such-device"))
  writeFileSync(join(machine.ports, "no-such-device/name"), "skerry.client.7\n")
  const giveUp = machine.clients.open(7, () => assert.fail("there is none"))
  machine.turn(50)
  giveUp()
})

test("a port that is being taken away while another is looked for is none", () => {
  using machine = new Machine()
  // The kernel removes a device's attributes before the device.
  mkdirSync(join(machine.ports, "a-vanishing-one"))
  machine.plugIn("skerry.client.6")
  const opened: number[] = []
  machine.clients.open(6, (fd) => opened.push(fd))
  machine.turn(50)
  assert.equal(opened.length, 1)
  closeSync(opened[0] ?? -1)
})
