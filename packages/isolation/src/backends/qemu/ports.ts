import { closeSync } from "node:fs"
import { IsolationError } from "../../backend.ts"
import type { Monitor } from "./monitor.ts"

/** The bus that command-line.ts gives every machine; its places for ports are there from the beginning. */
const BUS = "serial.0"
const PORT_NAME = /^[a-z0-9.-]{1,63}$/

/** What is needed of a QemuProcess. */
export interface PortHost {
  readonly monitor: Pick<Monitor, "execute" | "deleteDevice">
  giveDescriptor(name: string, fd: number): Promise<void>
}

/**
 * Ports that are added to one running machine and taken away again. The guest is only told: it cannot delay or refuse
 * either. One thing after the other, because QEMU takes several commands for each.
 */
export class Ports {
  readonly #qemu: PortHost
  readonly #names = new Set<string>()
  #last: Promise<unknown> = Promise.resolve()

  constructor(qemu: PortHost) {
    this.#qemu = qemu
  }

  /** Takes over `fd` in any case. Fails with "spawn-failed"; the machine is as before then. */
  async add(name: string, fd: number): Promise<void> {
    await this.#inTurn(async () => {
      try {
        await this.#add(name, fd)
      } finally {
        closeSync(fd)
      }
    })
  }

  async remove(name: string): Promise<void> {
    await this.#inTurn(async () => {
      if (!this.#names.has(name)) return
      const { monitor } = this.#qemu
      await monitor.deleteDevice(idOf(name))
      await monitor.execute("chardev-remove", { id: idOf(name) })
      this.#names.delete(name)
    })
  }

  async #add(name: string, fd: number): Promise<void> {
    if (!PORT_NAME.test(name)) throw refused(name, "it takes 1 to 63 of a–z, 0–9, . and -")
    if (this.#names.has(name)) throw refused(name, "there is one of that name")
    const { monitor } = this.#qemu
    const id = idOf(name)
    await this.#qemu.giveDescriptor(id, fd)
    // A descriptor by its name is QEMU's no more once the device has taken it.
    const addr = { type: "fd", data: { str: id } }
    const backend = { type: "socket", data: { addr, server: false } }
    await this.#orUndo("closefd", { fdname: id }, monitor.execute("chardev-add", { id, backend }))
    const device = { driver: "virtserialport", bus: BUS, id, chardev: id, name }
    await this.#orUndo("chardev-remove", { id }, monitor.execute("device_add", device))
    this.#names.add(name)
  }

  async #orUndo(command: string, args: object, step: Promise<unknown>): Promise<void> {
    try {
      await step
    } catch (error) {
      await this.#qemu.monitor.execute(command, args).catch(() => {}) // `error` says what went wrong
      throw error
    }
  }

  async #inTurn(action: () => Promise<void>): Promise<void> {
    const turn = this.#last.then(action)
    this.#last = turn.catch(() => {})
    await turn
  }
}

/** What QEMU calls descriptor, socket and device: it wants a letter first. */
const idOf = (name: string) => `port.${name}`

const refused = (name: string, why: string) =>
  new IsolationError("spawn-failed", `Cannot add a port ${JSON.stringify(name)}: ${why}`)
