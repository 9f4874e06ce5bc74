import { HEADER_BYTES } from "@skerry/files/codec"
import type { Linux, Pieces } from "@skerry/linux"
import { OverlongMessage } from "./frame-gatherer.ts"
import { TREE } from "./limits.ts"

/** Enough for what is not long; of a long request, this much is copied once more. */
const INPUT_BYTES = TREE.smallBytes
/** The kernel writes up to 32 KiB to a port in one piece. */
const PORT_WRITE_BYTES = 32 * 1024

/** A whole request, which stays as it is until giveBack(). */
export interface Request {
  /** For whoever keeps it. */
  readonly bytes: Buffer
  /** The same bytes for whoever sends them before the next read: as they came, beside others. */
  readonly sent: Buffer
  /** Those of a long request. */
  readonly pieces: Pieces | undefined
  giveBack(): void
}

interface LongRequest {
  readonly pieces: Pieces
  readonly bytes: number
  have: number
}

const nothing = () => {}

/** Cuts what the kernel asks into requests: long ones, data to be written, are read where they stay. */
export class RequestInput {
  readonly #linux: Linux
  readonly #input = Buffer.allocUnsafeSlow(INPUT_BYTES)
  /** Of #input: what is not a whole request yet. */
  #start = 0
  #end = 0
  #long: LongRequest | undefined
  readonly #free: Pieces[] = []
  #made = 0

  constructor(linux: Linux) {
    this.#linux = linux
  }

  /** False: too many long requests have no answer. */
  get hasRoom(): boolean {
    return this.#free.length > 0 || this.#made < TREE.longRequests || this.#long !== undefined
  }

  /** Reads what is there, no more than one long request. False: the kernel has closed its end. Throws OverlongMessage. */
  read(fd: number, onRequest: (request: Request) => void): boolean {
    if (this.#long !== undefined) return this.#readLong(fd, this.#long, onRequest)
    const input = this.#input
    if (this.#start > 0) input.copyWithin(0, this.#start, this.#end)
    this.#end -= this.#start
    this.#start = 0
    const count = this.#linux.readSome(fd, input.subarray(this.#end))
    this.#end += count ?? 0
    while (this.#cut(input, onRequest)) {}
    // The kernel has written it as a whole: to wait first would be a turn of the loop for nothing.
    if (this.#long !== undefined) return this.#readLong(fd, this.#long, onRequest)
    return count !== 0
  }

  #readLong(fd: number, long: LongRequest, onRequest: (request: Request) => void): boolean {
    const count = this.#linux.readSome(fd, long.pieces.buffer.subarray(long.have, long.bytes))
    long.have += count ?? 0
    if (long.have === long.bytes) this.#endLong(onRequest)
    return count !== 0
  }

  /** Takes the first request, or what there is of a long one; false: there is no whole one. */
  #cut(input: Buffer, onRequest: (request: Request) => void): boolean {
    const available = this.#end - this.#start
    if (available < HEADER_BYTES) return false
    const bytes = input.readUInt32LE(this.#start)
    if (bytes < HEADER_BYTES || bytes > TREE.messageBytes) throw new OverlongMessage(bytes)
    if (bytes > TREE.smallBytes) this.#beginLong(input, bytes, available)
    if (bytes > available) return false
    const sent = input.subarray(this.#start, this.#start + bytes)
    this.#start += bytes
    onRequest({ bytes: Buffer.from(sent), sent, pieces: undefined, giveBack: nothing })
    return true
  }

  /** It does not fit into the input, and is what this ends with. */
  #beginLong(input: Buffer, bytes: number, have: number): void {
    const pieces = this.#free.pop() ?? this.#make()
    input.copy(pieces.buffer, 0, this.#start, this.#end)
    this.#start = this.#end
    this.#long = { pieces, bytes, have }
  }

  #endLong(onRequest: (request: Request) => void): void {
    if (this.#long === undefined) return
    const { pieces, bytes } = this.#long
    this.#long = undefined
    const request = pieces.buffer.subarray(0, bytes)
    onRequest({ bytes: request, sent: request, pieces, giveBack: () => void this.#free.push(pieces) })
  }

  #make(): Pieces {
    this.#made += 1
    return this.#linux.pieces(TREE.messageBytes, PORT_WRITE_BYTES)
  }
}
