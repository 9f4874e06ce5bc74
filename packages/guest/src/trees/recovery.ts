import { HEADER_BYTES, MESSAGES, NO_TAG, OPEN, RLERROR } from "@skerry/files/codec"
import { type Fid, reclaimFlags } from "./fids.ts"
import { type Keeper, message, success, tagOf } from "./keeper.ts"
import { TREE } from "./limits.ts"

/** A fid that the kernel does not use: it counts up from 1. */
const OWN_FID = 0xffff_fff0
/** getattr's bit for the size, and where its answer has it. */
const SIZE = 0x200n
const SIZE_AT = HEADER_BYTES + 8 + 13 + 4 + 4 + 4 + 8 + 8

interface Step {
  readonly request: Buffer
  readonly onAnswer: (answer: Buffer) => void
}

/** A server that cannot take the kernel's session over. */
export class NoRecovery extends Error {
  override readonly name = "NoRecovery"
}

/**
 * Tells a new server what the kernel holds: version, attaches, then a reclaim for each fid with its locks and attributes.
 * A file that is gone is gone for the kernel too (EBADF). Steps of one batch are asked at once, in their order; the
 * next batch when all are answered. At the end it is told that this was all: until then nobody else gets a lock. Then the
 * kernel's unanswered requests are asked once more.
 */
export class Recovery {
  readonly #keeper: Keeper
  readonly #batches: Generator<Step[]>
  #waiting: Step[] = []
  #answers = 0
  /** Answers for the kernel, to requests that turned out to be done. */
  readonly settled: Buffer[] = []

  constructor(keeper: Keeper) {
    this.#keeper = keeper
    this.#batches = this.#plan()
  }

  /** What to send next; undefined: the server knows everything. */
  next(): readonly Buffer[] | undefined {
    const { value, done } = this.#batches.next()
    if (done === true) return undefined
    this.#waiting = value
    this.#answers = 0
    return value.map(({ request }) => request)
  }

  /** True: the batch is over. Throws NoRecovery. */
  answered(answer: Buffer): boolean {
    const tag = tagOf(answer)
    const step = this.#waiting[tag === NO_TAG ? 0 : tag]
    if (step === undefined) throw new NoRecovery("The server answered what it was not asked")
    step.onAnswer(answer)
    this.#answers += 1
    return this.#answers === this.#waiting.length
  }

  *#plan(): Generator<Step[]> {
    const { agreed, fids } = this.#keeper
    if (agreed === undefined) return
    yield [{ request: agreed.request, onAnswer: (answer) => this.#agreedAgain(answer) }]
    let batch: Step[] = []
    for (const [number, { attach }] of [...fids]) {
      if (attach !== undefined) this.#add(batch, attach, this.#orGone(number))
    }
    if (batch.length > 0) yield batch
    const root = [...fids].find(([, { attach }]) => attach !== undefined)?.[0]
    if (root === undefined) throw new NoRecovery("The kernel has let go of the tree's root")
    batch = []
    for (const [number, fid] of [...fids]) {
      if (fid.attach !== undefined) continue
      this.#claim(batch, root, number, fid)
      if (batch.length < TREE.reclaimsAtOnce) continue
      yield batch
      batch = []
    }
    for (const { request } of this.#keeper.pending.values()) this.#askOfAppend(batch, request)
    this.#add(batch, message(MESSAGES.reclaimed.type, 0, Buffer.alloc(0)))
    yield batch
  }

  #add(batch: Step[], request: Uint8Array, onAnswer: (answer: Buffer) => void = () => {}): void {
    const tagged = Buffer.from(request)
    tagged.writeUInt16LE(batch.length, 5)
    batch.push({ request: tagged, onAnswer })
  }

  #claim(batch: Step[], root: number, number: number, fid: Fid): void {
    const target = fid.isDerived ? OWN_FID : number
    this.#add(batch, reclaim(root, target, fid), fid.isDerived ? undefined : this.#orGone(number))
    for (const request of [...fid.replayed, ...fid.locks.map((lock) => lock.request)]) {
      const again = Buffer.from(request)
      if (fid.isDerived) again.writeUInt32LE(OWN_FID, HEADER_BYTES)
      this.#add(batch, again, fid.isDerived ? this.#orGone(number) : undefined)
    }
    if (fid.isDerived) this.#add(batch, clunk(OWN_FID))
  }

  #orGone(number: number): (answer: Buffer) => void {
    return (answer) => {
      if (answer[4] === RLERROR) this.#keeper.drop(number)
    }
  }

  #agreedAgain(answer: Buffer): void {
    const agreed = this.#keeper.agreed?.messageBytes ?? 0
    if (answer[4] === RLERROR || answer.readUInt32LE(HEADER_BYTES) < agreed) {
      throw new NoRecovery("The server takes shorter messages than the one before")
    }
  }

  /** What was appended must not be appended twice: it was, if the file ends behind it. */
  #askOfAppend(batch: Step[], request: Buffer): void {
    if (request[4] !== MESSAGES.write.type) return
    const number = request.readUInt32LE(7)
    const flags = this.#keeper.fids.get(number)?.openFlags ?? 0
    if ((flags & OPEN.append) === 0 || (flags | 0) === -1) return
    const end = request.readBigUInt64LE(11) + BigInt(request.readUInt32LE(19))
    const body = Buffer.alloc(12)
    body.writeUInt32LE(number)
    body.writeBigUInt64LE(SIZE, 4)
    this.#add(batch, message(MESSAGES.getattr.type, 0, body), (answer) => {
      if (answer[4] === RLERROR || answer.readBigUInt64LE(SIZE_AT) !== end) return
      this.settled.push(this.#keeper.answered(success(request, request.subarray(19, 23))))
    })
  }
}

/** fid[4] newfid[4] id[8] flags[4] n[2] n*(name[s]). */
function reclaim(root: number, number: number, { known, id, openFlags, isDerived, replayed }: Fid): Buffer {
  const names = known.names(TREE.reclaimNames)
  const body = Buffer.alloc(22 + names.reduce((sum, name) => sum + 2 + name.length, 0))
  body.writeUInt32LE(root)
  body.writeUInt32LE(number, 4)
  body.writeBigUInt64LE(id, 8)
  // An attribute's fid is not open.
  body.writeUInt32LE(isDerived || replayed.length > 0 ? 0xffff_ffff : reclaimFlags(openFlags), 16)
  body.writeUInt16LE(names.length, 20)
  let at = 22
  for (const name of names) {
    at = body.writeUInt16LE(name.length, at)
    at += body.write(name, at, "latin1")
  }
  return message(MESSAGES.reclaim.type, 0, body)
}

function clunk(number: number): Buffer {
  const body = Buffer.alloc(4)
  body.writeUInt32LE(number)
  return message(MESSAGES.clunk.type, 0, body)
}
