import { closeSync } from "node:fs"
import { type Linux, LinuxError, type Pieces, POLL } from "@skerry/linux"
import type { Loop, Watch } from "@skerry/loop"
import { FrameGatherer, OverlongMessage } from "./frame-gatherer.ts"
import { Keeper } from "./keeper.ts"
import { TREE } from "./limits.ts"
import { OutQueue } from "./out-queue.ts"
import { NoRecovery, Recovery } from "./recovery.ts"
import { type Request, RequestInput } from "./request-input.ts"

/** Of a virtio port: QEMU's buffers hold a page each, and there are 128. */
const PORT_READ = { bytes: 512 * 1024, pieceBytes: 4096 } as const

export interface PumpOptions {
  readonly loop: Loop
  readonly linux: Linux
  /** The other end is the kernel's; the pump owns this one. */
  readonly socket: number
  /** Nobody else changes the tree. */
  readonly isPrivate: boolean
  /** The port is gone, and closed: connect() goes on with another. */
  readonly onLost: () => void
  /** The kernel has let go of the tree, or nothing can be done for it any more; all is closed. */
  readonly onEnd: () => void
}

/**
 * Moves one tree's messages between the kernel's socket and the server's port, past the keeper. Reads from either only
 * when what came before has been taken by the other: nothing queues up here but what one read has brought.
 */
export class Pump {
  readonly #options: PumpOptions
  readonly #keeper = new Keeper()
  readonly #kernel: Watch
  readonly #requests: RequestInput
  readonly #portInput: Pieces
  readonly #answers = new FrameGatherer(TREE.messageBytes)
  readonly #toServer = new OutQueue()
  readonly #toKernel = new OutQueue()
  #port: { readonly fd: number; readonly watch: Watch } | undefined
  /** A new server is being told what the old one knew. */
  #recovery: Recovery | undefined
  #isOpen = true

  constructor(options: PumpOptions) {
    const { loop, linux, socket } = options
    this.#options = options
    this.#requests = new RequestInput(linux)
    this.#portInput = linux.pieces(PORT_READ.bytes, PORT_READ.pieceBytes)
    linux.setBlocking(socket, false)
    linux.growSocket(socket, TREE.messageBytes * 2)
    this.#kernel = loop.watch(socket, () => this.#guarded(() => this.#onKernel()))
    this.#want()
  }

  /** Goes on with this descriptor, which never blocks, and is the pump's from now on. */
  connect(fd: number): void {
    const watch = this.#options.loop.watch(fd, () => this.#guarded(() => this.#onPort()))
    this.#port = { fd, watch }
    this.#guarded(() => {
      if (this.#keeper.agreed !== undefined) {
        this.#recovery = new Recovery(this.#keeper)
        this.#recover()
      } else this.#askAgain()
    })
    this.#want()
  }

  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#kernel.close()
    closeSync(this.#options.socket)
    this.#closePort()
    this.#options.onEnd()
  }

  #closePort(): void {
    this.#port?.watch.close()
    if (this.#port !== undefined) closeSync(this.#port.fd)
    this.#port = undefined
  }

  /** Whatever was asked and is not answered is the keeper's: it is asked again. */
  #lose(): void {
    this.#closePort()
    this.#toServer.clear()
    this.#answers.reset()
    this.#recovery = undefined
    this.#options.onLost()
  }

  #onKernel(): void {
    this.#sendToKernel()
    if (this.#readsKernel) this.#readKernel()
    this.#sendToServer()
    this.#sendToKernel()
    this.#want()
  }

  #onPort(): void {
    this.#sendToServer()
    if (this.#toKernel.isEmpty) this.#readPort()
    this.#sendToServer()
    this.#sendToKernel()
    this.#want()
  }

  get #readsKernel(): boolean {
    if (this.#port === undefined || this.#recovery !== undefined) return false
    return this.#toServer.isEmpty && this.#requests.hasRoom
  }

  #want(): void {
    if (!this.#isOpen) return
    this.#kernel.want((this.#readsKernel ? POLL.in : 0) | (this.#toKernel.isEmpty ? 0 : POLL.out))
    this.#port?.watch.want((this.#toKernel.isEmpty ? POLL.in : 0) | (this.#toServer.isEmpty ? 0 : POLL.out))
  }

  #readKernel(): void {
    const isThere = this.#requests.read(this.#options.socket, (request) => this.#onRequest(request))
    if (!isThere) this.close()
  }

  #onRequest({ bytes, sent, pieces, giveBack }: Request): void {
    const answer = this.#keeper.asked(bytes, giveBack)
    if (answer === undefined) this.#toServer.add(sent, pieces)
    else this.#toKernel.add(answer)
  }

  #readPort(): void {
    const port = this.#port
    if (port === undefined) return
    const count = this.#orLost(() => this.#options.linux.readPieces(port.fd, this.#portInput))
    if (count === 0) this.#lose()
    else if (count !== undefined) {
      const input = this.#portInput.buffer.subarray(0, count)
      this.#answers.gather(input, (answer) => this.#onAnswer(answer))
    }
  }

  #onAnswer(answer: Buffer): void {
    if (this.#recovery === undefined) this.#toKernel.add(this.#keeper.answered(answer))
    else if (this.#recovery.answered(answer)) this.#recover()
  }

  /** The next thing that a new server is told; when it knows everything, what has no answer yet is asked again. */
  #recover(): void {
    const recovery = this.#recovery
    const requests = recovery?.next()
    for (const request of requests ?? []) this.#toServer.add(request)
    if (recovery === undefined || requests !== undefined) return
    this.#recovery = undefined
    for (const answer of recovery.settled) this.#toKernel.add(answer)
    this.#askAgain()
  }

  #askAgain(): void {
    for (const request of this.#keeper.resent(this.#options.isPrivate)) this.#toServer.add(request)
  }

  #sendToServer(): void {
    const port = this.#port
    if (port !== undefined) this.#orLost(() => this.#toServer.send(this.#options.linux, port.fd))
  }

  #sendToKernel(): void {
    if (this.#isOpen) this.#toKernel.send(this.#options.linux, this.#options.socket)
  }

  #orLost<T>(action: () => T): T | undefined {
    try {
      return action()
    } catch (error) {
      if (!isLost(error)) throw error
      this.#lose()
      return undefined
    }
  }

  #guarded(action: () => void): void {
    try {
      action()
    } catch (error) {
      if (!isLost(error) && !isBroken(error)) throw error
      this.close()
    }
  }
}

/** One side does not speak 9P: an answer that ends before its fields do is a RangeError of whoever looks into it. */
const isBroken = (error: unknown) =>
  error instanceof NoRecovery || error instanceof OverlongMessage || error instanceof RangeError

const LOST: ReadonlySet<string> = new Set(["EPIPE", "ECONNRESET", "ENODEV", "EIO"])

/** The other side is gone: of a port, the device as well. */
const isLost = (error: unknown) => error instanceof LinuxError && LOST.has(error.code)
