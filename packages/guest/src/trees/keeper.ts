import { ERRNO, HEADER_BYTES, LOCK_STATUS, MESSAGES, OPEN, RLERROR } from "@skerry/files/codec"
import { type Fid, newFid, noteLock } from "./fids.ts"
import { KnownName } from "./known-names.ts"
import { TREE } from "./limits.ts"

/** A request of the kernel that is not answered yet. */
export interface Pending {
  /** As it was sent; another may stand for it when it is sent again. */
  request: Buffer
  /** Gives the request's bytes back. */
  readonly onAnswered: () => void
  /** An earlier server may have done it without saying so. */
  isResent: boolean
}

const T = Object.fromEntries(Object.entries(MESSAGES).map(([name, { type }]) => [name, type])) as {
  readonly [name in keyof typeof MESSAGES]: (typeof MESSAGES)[name]["type"]
}

/** Of messages of 9P, whose head is size[4] type[1] tag[2]. */
const typeOf = (message: Uint8Array) => message[4] ?? 0
export const tagOf = (message: Uint8Array) => (message[5] ?? 0) + (message[6] ?? 0) * 0x100

/**
 * Looks into the messages between the kernel and its server, and knows from them what a new server has to be told so
 * that the kernel can go on: which files it holds, and what it has asked. Trusts both to speak 9P2000.L: the kernel is
 * what mounts, and the server's messages are the kernel's to judge.
 */
export class Keeper {
  readonly fids = new Map<number, Fid>()
  /** By tag, in the order in which they were asked. */
  readonly pending = new Map<number, Pending>()
  /** What the kernel agreed on with its first server. */
  agreed: { readonly request: Buffer; readonly messageBytes: number } | undefined

  /** Notes a request, whose bytes stay as they are until `onAnswered`. What is returned is an answer already. */
  asked(request: Buffer, onAnswered: () => void): Buffer | undefined {
    const type = typeOf(request)
    if ((type === T.walk || type === T.attach || type === T.xattrwalk) && this.fids.size >= TREE.fids) {
      onAnswered()
      return failure(request, ERRNO.EMFILE)
    }
    this.pending.set(tagOf(request), { request, onAnswered, isResent: false })
    return undefined
  }

  /** Notes an answer. What is returned is for the kernel. */
  answered(answer: Buffer): Buffer {
    const tag = tagOf(answer)
    const pending = this.pending.get(tag)
    if (pending === undefined) return answer
    this.pending.delete(tag)
    const told = pending.isResent ? forgiving(pending.request, answer) : answer
    this.#note(pending.request, told)
    pending.onAnswered()
    return told
  }

  drop(fid: number): void {
    this.fids.get(fid)?.known.release()
    this.fids.delete(fid)
  }

  #note(request: Buffer, answer: Buffer): void {
    const type = typeOf(request)
    // These end the fid whatever the answer says.
    if (type === T.clunk || type === T.remove) this.drop(request.readUInt32LE(HEADER_BYTES))
    else if (typeOf(answer) !== RLERROR) this.#noteSuccess(type, request, answer)
  }

  #noteSuccess(type: number, request: Buffer, answer: Buffer): void {
    switch (type) {
      case T.walk:
        this.#walked(request, answer)
        break
      case T.lopen:
        this.#opened(request)
        break
      case T.lcreate:
        this.#created(request, answer)
        break
      case T.write:
        this.#written(request)
        break
      case T.renameat:
        this.#renamedAt(request)
        break
      case T.rename:
        this.#renamed(request)
        break
      case T.lock: {
        const fid = this.fids.get(request.readUInt32LE(HEADER_BYTES))
        if (fid !== undefined && answer[HEADER_BYTES] === LOCK_STATUS.granted) noteLock(fid, request)
        break
      }
      case T.xattrwalk:
        this.#attributeRead(request)
        break
      case T.xattrcreate: {
        this.fids.get(request.readUInt32LE(HEADER_BYTES))?.replayed.push(Buffer.from(request))
        return
      }
      case T.attach: {
        const attach = Buffer.from(request)
        this.#put(request.readUInt32LE(7), newFid(KnownName.root(), answer.readBigUInt64LE(12), { attach }))
        return
      }
      case T.version:
        for (const fid of [...this.fids.keys()]) this.drop(fid)
        this.agreed = { request: Buffer.from(request), messageBytes: answer.readUInt32LE(HEADER_BYTES) }
        return
      case T.flush:
        this.#flushed(request.readUInt16LE(HEADER_BYTES))
        break
    }
  }

  #put(number: number, fid: Fid): void {
    this.drop(number)
    this.fids.set(number, fid)
  }

  /** fid[4] newfid[4] n[2] n*(name[s]) → n[2] n*(qid[13]): all of them, or there is no new fid. */
  #walked(request: Buffer, answer: Buffer): void {
    const from = this.fids.get(request.readUInt32LE(7))
    const count = request.readUInt16LE(15)
    if (from === undefined || answer.readUInt16LE(7) !== count) return
    let known = from.known.hold()
    let at = 17
    for (let index = 0; index < count; index++) {
      const name = textAt(request, at)
      at += 2 + name.length
      const next = known.below(name)
      known.release()
      known = next
    }
    const id = count === 0 ? from.id : answer.readBigUInt64LE(9 + 13 * (count - 1) + 5)
    this.#put(request.readUInt32LE(11), newFid(known, id))
  }

  #opened(request: Buffer): void {
    const fid = this.fids.get(request.readUInt32LE(7))
    if (fid !== undefined) fid.openFlags = request.readUInt32LE(11)
  }

  /** fid[4] name[s] flags[4] mode[4] gid[4]: the directory's fid becomes the file's. */
  #created(request: Buffer, answer: Buffer): void {
    const number = request.readUInt32LE(7)
    const directory = this.fids.get(number)
    if (directory === undefined) return
    const name = textAt(request, 11)
    const openFlags = request.readUInt32LE(13 + name.length)
    this.#put(number, newFid(directory.known.below(name), answer.readBigUInt64LE(12), { openFlags }))
  }

  /** The value of an attribute is the server's only from the clunk on. */
  #written(request: Buffer): void {
    const replayed = this.fids.get(request.readUInt32LE(7))?.replayed
    if (replayed === undefined || replayed.length === 0) return
    const kept = replayed.reduce((sum, { length }) => sum + length, request.length)
    if (kept <= TREE.attributeBytes * 2) replayed.push(Buffer.from(request))
  }

  #attributeRead(request: Buffer): void {
    const from = this.fids.get(request.readUInt32LE(7))
    if (from === undefined) return
    const replayed = [Buffer.from(request)]
    const fid = newFid(from.known.hold(), from.id, { replayed, isDerived: true })
    this.#put(request.readUInt32LE(11), fid)
  }

  /** dfid[4] name[s] newdfid[4] newname[s]. */
  #renamedAt(request: Buffer): void {
    const name = textAt(request, 11)
    const from = this.fids.get(request.readUInt32LE(7))
    const to = this.fids.get(request.readUInt32LE(13 + name.length))
    if (from !== undefined && to !== undefined) {
      from.known.moveBelow(name, to.known, textAt(request, 17 + name.length))
    }
  }

  /** fid[4] dfid[4] name[s]. */
  #renamed(request: Buffer): void {
    const place = this.fids.get(request.readUInt32LE(7))?.known.place
    const to = this.fids.get(request.readUInt32LE(11))
    if (place !== undefined && to !== undefined) {
      place.up.moveBelow(place.name, to.known, textAt(request, 15))
    }
  }

  #flushed(oldTag: number): void {
    const flushed = this.pending.get(oldTag)
    this.pending.delete(oldTag)
    flushed?.onAnswered()
  }

  /** What a new server is asked once more. `isPrivate`: nobody else can have made what is found there. */
  *resent(isPrivate: boolean): Generator<Buffer> {
    for (const pending of this.pending.values()) {
      pending.isResent = true
      if (isPrivate && typeOf(pending.request) === T.lcreate) pending.request = notExclusive(pending.request)
      yield pending.request
    }
  }
}

function notExclusive(request: Buffer): Buffer {
  const at = 13 + request.readUInt16LE(11)
  const changed = Buffer.from(request)
  changed.writeUInt32LE((changed.readUInt32LE(at) & ~OPEN.exclusive) >>> 0, at)
  return changed
}

const textAt = (message: Buffer, at: number) =>
  message.toString("latin1", at + 2, at + 2 + message.readUInt16LE(at))

/** An error that says of a request which was sent twice that it had been carried out. */
const DONE: Readonly<Record<number, { readonly codes: readonly number[]; readonly answerBytes: number }>> = {
  [T.mkdir]: { codes: [ERRNO.EEXIST], answerBytes: 13 },
  [T.symlink]: { codes: [ERRNO.EEXIST], answerBytes: 13 },
  [T.unlinkat]: { codes: [ERRNO.ENOENT], answerBytes: 0 },
  [T.renameat]: { codes: [ERRNO.ENOENT], answerBytes: 0 },
  [T.rename]: { codes: [ERRNO.ENOENT, ERRNO.EBADF], answerBytes: 0 },
  [T.remove]: { codes: [ERRNO.ENOENT, ERRNO.EBADF], answerBytes: 0 },
  [T.clunk]: { codes: [ERRNO.EBADF], answerBytes: 0 },
}

/** v9fs looks at no qid of a directory or symlink that it has made: it asks for the name again. */
function forgiving(request: Buffer, answer: Buffer): Buffer {
  const done = typeOf(answer) === RLERROR ? DONE[typeOf(request)] : undefined
  if (done?.codes.includes(answer.readUInt32LE(HEADER_BYTES)) !== true) return answer
  return success(request, Buffer.alloc(done.answerBytes))
}

export function success(request: Buffer, body: Uint8Array): Buffer {
  return message(typeOf(request) + 1, tagOf(request), body)
}

function failure(request: Buffer, code: number): Buffer {
  const body = Buffer.alloc(4)
  body.writeUInt32LE(code)
  return message(RLERROR, tagOf(request), body)
}

export function message(type: number, tag: number, body: Uint8Array): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES + body.length)
  bytes.writeUInt32LE(bytes.length)
  bytes[4] = type
  bytes.writeUInt16LE(tag, 5)
  bytes.set(body, HEADER_BYTES)
  return bytes
}
