import { closeSync } from "node:fs"
import { type Linux, POLL } from "@skerry/linux"
import { type CallState, Multiplexer } from "@skerry/rpc"
import { FrameReader, ProtocolError } from "@skerry/wire"
import { PORT_LIMITS } from "./limits.ts"
import type { Loop, Watch } from "./loop.ts"

/** What ports read into and write from, for as long as they do: one that waits for nothing holds none of it. */
export class PortMemory {
  readonly input = Buffer.allocUnsafeSlow(PORT_LIMITS.portBytes)
  readonly #free: Buffer[] = []

  /** Holds one frame more than a port fills it to. */
  takeOutput(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(PORT_LIMITS.portBytes * 2)
  }

  giveBack(output: Buffer): void {
    if (this.#free.length < PORT_LIMITS.outputsKept) this.#free.push(output)
  }
}

export interface PortOptions {
  readonly loop: Loop
  readonly linux: Linux
  /** A stream socket or a virtio port that never blocks; the port owns it. */
  readonly fd: number
  /** Shared by all ports of a loop; absent: the port's own. */
  readonly memory?: PortMemory
  /** Absent: this end only calls. */
  readonly onCall?: (call: CallState, method: number, untrustedParams: Uint8Array) => void
  /** The other side has closed, or broke the protocol; the descriptor is closed by then. */
  readonly onEnd: () => void
}

/** Binds the calls of one connection to a descriptor in the loop. */
export class Port {
  readonly calls: Multiplexer
  readonly #options: PortOptions
  readonly #watch: Watch
  readonly #stopFlushing: () => void
  readonly #frames = new FrameReader()
  readonly #memory: PortMemory
  /** Frames on their way out: bytes from #outStart to #outEnd; undefined: there are none. */
  #output: Buffer | undefined
  #outStart = 0
  #outEnd = 0
  #isWaiting = false
  #isOpen = true

  constructor(options: PortOptions) {
    const { loop, linux, fd, onCall } = options
    this.#options = options
    this.#memory = options.memory ?? new PortMemory()
    this.calls = new Multiplexer({ onCall, onReady: () => {} })
    linux.setBlocking(fd, false)
    this.#watch = loop.watch(fd, () => this.#onReady())
    this.#watch.want(POLL.in)
    this.#stopFlushing = loop.beforeWait(() => this.#flush())
  }

  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#stopFlushing()
    this.#watch.close()
    closeSync(this.#options.fd)
    this.#release()
    this.calls.lose("The other side ended the connection")
    this.#options.onEnd()
  }

  #onReady(): void {
    if (this.#isWaiting) {
      this.#isWaiting = false
      this.#watch.want(POLL.in)
      this.#flush()
    }
    if (this.#isOpen) this.#receive()
  }

  #receive(): void {
    try {
      const { input } = this.#memory
      const count = this.#options.linux.readSome(this.#options.fd, input)
      if (count === undefined) return
      if (count === 0) {
        this.close()
        return
      }
      this.#frames.push(input.subarray(0, count), (frame) => {
        if (this.#isOpen) this.calls.receive(frame)
      })
    } catch (error) {
      // A host that breaks the protocol, or a socket that was reset: either way this connection is over.
      if (error instanceof ProtocolError || isLost(error)) this.close()
      else throw error
    }
  }

  #flush(): void {
    while (this.#isOpen && !this.#isWaiting) {
      this.#fill()
      if (this.#output === undefined) return
      this.#write(this.#output)
    }
  }

  #fill(): void {
    if (this.#outStart > 0) return
    while (this.#outEnd < PORT_LIMITS.portBytes) {
      const frame = this.calls.nextFrame()
      if (frame === undefined) return
      this.#append(frame.head)
      if (frame.body !== undefined) this.#append(frame.body)
    }
  }

  #append(bytes: Uint8Array): void {
    this.#output ??= this.#memory.takeOutput()
    this.#output.set(bytes, this.#outEnd)
    this.#outEnd += bytes.length
  }

  #release(): void {
    this.#outStart = this.#outEnd = 0
    if (this.#output !== undefined) this.#memory.giveBack(this.#output)
    this.#output = undefined
  }

  #write(output: Buffer): void {
    try {
      const pending = output.subarray(this.#outStart, this.#outEnd)
      const taken = this.#options.linux.writeSome(this.#options.fd, pending)
      if (taken === undefined) {
        this.#isWaiting = true
        this.#watch.want(POLL.in | POLL.out)
        return
      }
      this.#outStart += taken
      if (this.#outStart === this.#outEnd) this.#release()
    } catch (error) {
      if (isLost(error)) this.close()
      else throw error
    }
  }
}

const LOST = new Set(["EPIPE", "ECONNRESET", "ENODEV", "EIO"])

/** The other side is gone: of a port, the device as well. */
const isLost = (error: unknown) => error instanceof Error && "code" in error && LOST.has(String(error.code))
