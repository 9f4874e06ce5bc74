import { closeSync } from "node:fs"
import { MESSAGES, type MessageName, NO_TAG, RLERROR } from "@skerry/files/codec"
import { openLinux, POLL } from "@skerry/linux"
import { Loop } from "@skerry/loop"
import { FrameGatherer } from "./frame-gatherer.ts"
import { message } from "./keeper.ts"
import { TREE } from "./limits.ts"
import { Pump } from "./pump.ts"

/* For tests: a pump between a kernel and servers that the test plays, byte for byte. */

type Field = readonly ["u8" | "u16" | "u32" | "u64", number | bigint] | string | Uint8Array

/** A message of these fields; a string is u16 length and bytes. */
export function say(name: MessageName, tag: number, ...fields: readonly Field[]): Buffer {
  return message(MESSAGES[name].type, tag, body(fields))
}

export function reply(name: MessageName, tag: number, ...fields: readonly Field[]): Buffer {
  return message(MESSAGES[name].type + 1, tag, body(fields))
}

export const refusal = (tag: number, code: number) => message(RLERROR, tag, body([["u32", code]]))
export const qid = (id: number, kind = 0) =>
  body([
    ["u8", kind],
    ["u32", 1],
    ["u64", id],
  ])

const BYTES = { u8: 1, u16: 2, u32: 4, u64: 8 } as const

function body(fields: readonly Field[]): Buffer {
  return Buffer.concat(
    fields.map((field) => {
      if (typeof field === "string")
        return Buffer.concat([body([["u16", field.length]]), Buffer.from(field, "latin1")])
      if (field instanceof Uint8Array) return field
      const bytes = Buffer.alloc(8)
      bytes.writeBigUInt64LE(BigInt(field[1]))
      return bytes.subarray(0, BYTES[field[0]])
    }),
  )
}

/** One end of a socket, played by the test. */
interface Played {
  readonly fd: number
  readonly messages: Buffer[]
}

const linux = openLinux()

/** A pump, the kernel above it, and one server after the other below. */
export class Bench implements Disposable {
  readonly loop = new Loop(linux, () => performance.now())
  readonly kernel: Played
  readonly pump: Pump
  lost = 0
  ended = 0
  #server: Played | undefined
  #closers: (() => void)[] = []

  constructor(isPrivate = true) {
    const [socket, fd] = linux.socketPair()
    this.kernel = this.#play(fd)
    this.pump = new Pump({
      ...{ loop: this.loop, linux, socket, isPrivate },
      onLost: () => void this.lost++,
      onEnd: () => void this.ended++,
    })
    this.serve()
  }

  /** A new server takes the port. */
  serve(): void {
    const [port, fd] = linux.socketPair()
    linux.setBlocking(port, false)
    this.#server = this.#play(fd)
    this.pump.connect(port)
  }

  get server(): Played {
    if (this.#server === undefined) throw new Error("no server")
    return this.#server
  }

  /** The server is gone, and so is what it has not read. */
  kill(): void {
    this.#closers.pop()?.()
    this.#until(() => this.lost > 0)
    this.lost = 0
  }

  send(from: Played, bytes: Uint8Array, pieceBytes = bytes.length): void {
    for (let at = 0; at < bytes.length; ) {
      at += linux.writeSome(from.fd, bytes.subarray(at, at + pieceBytes)) ?? 0
      if (at < bytes.length) this.turn()
    }
  }

  /** The next message that has come to this end. */
  next(at: Played): Buffer {
    this.#until(() => at.messages.length > 0)
    return at.messages.shift() ?? Buffer.alloc(0)
  }

  /** Asks as the kernel does, answers as the server does; what the kernel is told. */
  exchange(request: Buffer, answer: Buffer): Buffer {
    this.send(this.kernel, request)
    const came = this.next(this.server)
    if (!came.equals(request)) throw new Error(`the server got ${came.toString("hex")}`)
    this.send(this.server, answer)
    return this.next(this.kernel)
  }

  /** Version and attach: fid 0 is the root, id 1. */
  begin(): void {
    const agreed = [["u32", TREE.messageBytes], "9P2000.L"] as const
    this.exchange(say("version", NO_TAG, ...agreed), reply("version", NO_TAG, ...agreed))
    const attach = say("attach", 0, ["u32", 0], ["u32", 0xffff_ffff], "user", "tree", ["u32", 1000])
    this.exchange(attach, reply("attach", 0, qid(1, 0x80)))
  }

  walk(from: number, to: number, names: readonly string[], ids: readonly number[]): void {
    const request = say("walk", 1, ["u32", from], ["u32", to], ["u16", names.length], ...names)
    this.exchange(request, reply("walk", 1, ["u16", ids.length], ...ids.map((id) => qid(id))))
  }

  open(fid: number, flags: number): void {
    const request = say("lopen", 1, ["u32", fid], ["u32", flags])
    this.exchange(request, reply("lopen", 1, qid(0), ["u32", 0]))
  }

  /** Looks once at everything. */
  turn(): void {
    this.loop.after(0, () => this.loop.stop())
    this.loop.run()
  }

  [Symbol.dispose](): void {
    this.pump.close()
    for (const close of this.#closers) close()
  }

  #play(fd: number): Played {
    const messages: Buffer[] = []
    const frames = new FrameGatherer(TREE.messageBytes)
    linux.setBlocking(fd, false)
    const watch = this.loop.watch(fd, () => {
      const input = Buffer.alloc(64 * 1024)
      const count = linux.readSome(fd, input)
      if (count === 0) watch.want(0)
      if (count !== undefined)
        frames.gather(input.subarray(0, count), (each) => messages.push(Buffer.from(each)))
    })
    watch.want(POLL.in)
    this.#closers.push(() => {
      watch.close()
      closeSync(fd)
    })
    return { fd, messages }
  }

  #until(holds: () => boolean): void {
    const deadline = performance.now() + 5_000
    while (!holds()) {
      if (performance.now() > deadline) throw new Error("nothing came")
      this.turn()
    }
  }
}
