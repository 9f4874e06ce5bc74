import { ProtocolError } from "@skerry/wire"
import { errnoName } from "../codec/errno.ts"
import { MessageReader } from "../codec/message-reader.ts"
import { MessageWriter } from "../codec/message-writer.ts"
import { HEADER_BYTES, NO_TAG, RLERROR, VERSION } from "../codec/messages.ts"
import { FileError } from "../file-tree.ts"
import { attach, type Operation, version } from "./operations.ts"
import type { Transport } from "./transport.ts"

interface Outstanding {
  readonly operation: Operation<unknown>
  readonly onResult: (result: unknown) => void
}

/** Requests on the way, at most: tags are below it. */
const MOST_OUTSTANDING = 512

/**
 * A client of 9P2000.L that keeps many requests on the way and costs little itself: for tests, and for measuring servers.
 * Everything is synchronous; the server is trusted to keep the protocol.
 */
export class NinepClient {
  readonly messageBytes: number
  readonly #transport: Transport
  readonly #reader = new MessageReader()
  readonly #writer: MessageWriter
  /** Requests from #sent to the writer's place are to be written. */
  #sent = 0
  readonly #input: Buffer
  #inputStart = 0
  #inputEnd = 0
  readonly #outstanding = new Map<number, Outstanding>()
  readonly #freeTags = Array.from({ length: MOST_OUTSTANDING }, (_, tag) => MOST_OUTSTANDING - 1 - tag)

  /** Agrees on the version. */
  constructor(transport: Transport, messageBytes: number) {
    this.#transport = transport
    this.#writer = new MessageWriter(Buffer.allocUnsafeSlow(messageBytes * 2))
    this.#input = Buffer.allocUnsafeSlow(messageBytes * 2)
    let agreed: { messageBytes: number; version: string } | undefined
    this.#write(version(messageBytes), NO_TAG)
    this.#outstanding.set(NO_TAG, {
      operation: version(messageBytes),
      onResult: (result) => {
        if (result instanceof FileError) throw result
        agreed = result as { messageBytes: number; version: string }
      },
    })
    this.finish()
    if (agreed?.version !== VERSION) throw new Error(`The server speaks ${agreed?.version}`)
    this.messageBytes = agreed.messageBytes
  }

  /** Requests that were not answered. */
  get outstanding(): number {
    return this.#outstanding.size
  }

  /** Attaches a tree: its root has this fid then. */
  attach(fid: number, name: string, uid: number): void {
    this.call(attach(fid, name, uid))
  }

  /** One request and its answer. Throws FileError as the server tells it. */
  call<T>(operation: Operation<T>): T {
    let answer: { readonly result: T | FileError } | undefined
    this.send(operation, (result) => {
      answer = { result }
    })
    while (answer === undefined) this.#turn(true)
    const { result } = answer as { readonly result: T | FileError }
    if (result instanceof FileError) throw result
    return result
  }

  /**
   * Puts a request on its way, after waiting for a free tag where it must. `onResult` is called while later requests are
   * sent or waited for; what it gets of a read is valid until it returns.
   */
  send<T>(operation: Operation<T>, onResult: (result: T | FileError) => void): void {
    while (this.#freeTags.length === 0 || !this.#hasRoom(operation)) this.#turn(true)
    const tag = this.#freeTags.pop() ?? 0
    this.#write(operation, tag)
    this.#outstanding.set(tag, { operation, onResult: onResult as (result: unknown) => void })
  }

  /** Returns when at most so many requests are unanswered. */
  finish(outstanding = 0): void {
    while (this.#outstanding.size > outstanding) this.#turn(true)
  }

  #hasRoom({ bytes = 0 }: Operation<unknown>): boolean {
    const { at, bytes: buffer } = this.#writer
    return at + bytes + 8192 <= buffer.length || at === 0
  }

  #write(operation: Operation<unknown>, tag: number): void {
    const writer = this.#writer
    writer.begin(operation.type, tag)
    operation.write(writer)
    writer.end()
  }

  /** Writes what can be written, and reads what is there. */
  #turn(mayWait: boolean): void {
    const isFull = this.#flush()
    const count = this.#transport.read(this.#input.subarray(this.#inputEnd))
    this.#inputEnd += count
    if (count > 0) this.#answers()
    else if (mayWait) this.#transport.wait(isFull)
  }

  /** True: not everything was taken. */
  #flush(): boolean {
    const { bytes, at } = this.#writer
    while (this.#sent < at) {
      const taken = this.#transport.write(bytes.subarray(this.#sent, at))
      if (taken === 0) return true
      this.#sent += taken
    }
    this.#sent = 0
    this.#writer.moveTo(bytes, 0)
    return false
  }

  #answers(): void {
    const input = this.#input
    while (this.#inputEnd - this.#inputStart >= HEADER_BYTES) {
      const start = this.#inputStart
      const size = input.readUInt32LE(start)
      if (size > input.length) throw new ProtocolError("too-large", `An answer of ${size} bytes`)
      if (this.#inputEnd - start < size) break
      this.#inputStart = start + size
      this.#answer(start, start + size)
    }
    input.copyWithin(0, this.#inputStart, this.#inputEnd)
    this.#inputEnd -= this.#inputStart
    this.#inputStart = 0
  }

  #answer(start: number, end: number): void {
    const type = this.#input[start + 4] ?? 0
    const tag = this.#input.readUInt16LE(start + 5)
    const outstanding = this.#outstanding.get(tag)
    if (outstanding === undefined) throw new ProtocolError("unknown-tag", `An answer with the tag ${tag}`)
    this.#outstanding.delete(tag)
    if (tag !== NO_TAG) this.#freeTags.push(tag)
    const { operation, onResult } = outstanding
    const reader = this.#reader
    reader.open(this.#input, start + HEADER_BYTES, end)
    if (type === RLERROR) {
      onResult(new FileError(errnoName(reader.u32())))
      return
    }
    if (type !== operation.type + 1)
      throw new ProtocolError("unknown-message", `${type} to ${operation.type}`)
    const result = operation.read(reader)
    reader.finish()
    onResult(result)
  }
}
