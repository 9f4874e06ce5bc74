import assert from "node:assert/strict"
import { test } from "node:test"
import { ProtocolError, type ProtocolErrorCode } from "@skerry/wire"
import { NINEP_LIMITS } from "../codec/limits.ts"
import { MESSAGES, NO_TAG } from "../codec/messages.ts"
import { FileError } from "../file-tree.ts"
import {
  attached,
  attachRequest,
  memoryTree,
  numbersRequest,
  request,
  type Scripted,
  scripted,
  versionRequest,
  walkRequest,
} from "./scripted-client.ts"

const breaks = (code: ProtocolErrorCode, action: () => unknown) =>
  assert.throws(action, (error) => error instanceof ProtocolError && error.code === code, code)

const clunk = (fid: number, tag = 1) => numbersRequest(120, [fid], tag)
const getattr = (fid: number, tag = 1) => numbersRequest(24, [fid, 0x7ff, 0], tag)
const mkdir = (name: string, tag = 1) =>
  request(72, tag, (writer) => {
    writer.u32(0)
    writer.bytesFromText(name)
    writer.u32(0o755)
    writer.u32(0)
  })

const create = (fid: number, name: string, flags: number, tag = 2) =>
  request(14, tag, (writer) => {
    writer.u32(fid)
    writer.bytesFromText(name)
    for (const number of [flags, 0o644, 0]) writer.u32(number)
  })
const write = (fid: number, text = "A", tag = 1) =>
  request(118, tag, (writer) => {
    writer.u32(fid)
    writer.u64(0n)
    writer.u32(text.length)
    writer.data(Buffer.from(text, "latin1"))
  })

test("a version comes first, and nothing else does", () => {
  for (const { type } of Object.values(MESSAGES)) {
    if (type === MESSAGES.version.type) continue
    breaks("out-of-order", () => scripted().say(request(type, 1)))
  }
  assert.deepEqual(scripted().say(versionRequest()), ["101"])
})

test("messages get as long as the client wants, within what we allow", () => {
  const agreed = (wanted: number) => scripted().exchange(versionRequest(wanted)).readUInt32LE(7)
  assert.equal(agreed(NINEP_LIMITS.leastMessageBytes), NINEP_LIMITS.leastMessageBytes)
  assert.equal(agreed(NINEP_LIMITS.mostMessageBytes), NINEP_LIMITS.mostMessageBytes)
  assert.equal(agreed(NINEP_LIMITS.mostMessageBytes + 1), NINEP_LIMITS.mostMessageBytes)
  assert.equal(agreed(0xffff_ffff), NINEP_LIMITS.mostMessageBytes)
  breaks("bad-value", () => agreed(NINEP_LIMITS.leastMessageBytes - 1))
  breaks("bad-value", () => agreed(0))
})

test("a dialect that we do not speak is answered so, and nothing can be done in it", () => {
  const scene = scripted()
  const answer = scene.exchange(versionRequest(65_536, "9P2000.u"))
  assert.equal(answer.subarray(13).toString(), "unknown")
  breaks("out-of-order", () => scene.say(attachRequest(0)))
})

test("a second version ends all that was before", () => {
  const scene = attached()
  scene.say(walkRequest(0, 1, []), mkdir("d", 2))
  assert.equal(scene.session.fids, 2)
  assert.deepEqual(scene.say(versionRequest()), ["101"])
  assert.equal(scene.session.fids, 0)
  assert.equal(scene.tree.holds, 0)
  assert.deepEqual(scene.say(getattr(0)), ["EBADF"])
})

test("a message of a byte more than was agreed ends the connection, one of as many does not", () => {
  const write = (dataBytes: number) =>
    request(118, 1, (writer) => {
      writer.u32(7)
      writer.u64(0n)
      writer.u32(dataBytes)
      writer.data(Buffer.alloc(dataBytes))
    })
  const most = 4096
  assert.deepEqual(attached(memoryTree(), most).say(write(most - 23)), ["EBADF"])
  breaks("too-large", () => attached(memoryTree(), most).say(write(most - 22)))
})

test("sizes that lie end the connection", () => {
  for (const size of [0, 1, 6, 0x7fff_ffff, 0xffff_ffff]) {
    const bytes = getattr(0)
    bytes.writeUInt32LE(size)
    breaks("too-large", () => attached().say(bytes))
  }
  const cut = getattr(0).subarray(0, 10)
  cut.writeUInt32LE(10)
  breaks("truncated", () => attached().say(cut))
  breaks("trailing-bytes", () => attached().say(numbersRequest(120, [0, 0])))
})

test("a count of data that lies ends the connection", () => {
  const lying = (count: number) =>
    request(118, 1, (writer) => {
      writer.u32(0)
      writer.u64(0n)
      writer.u32(count)
      writer.data(Buffer.alloc(10))
    })
  breaks("truncated", () => attached().say(lying(11)))
  breaks("truncated", () => attached().say(lying(0xffff_ffff)))
  breaks("trailing-bytes", () => attached().say(lying(9)))
})

test("a walk of 16 names is one, and a walk of 17 ends the connection", () => {
  assert.deepEqual(attached().say(walkRequest(0, 1, new Array<string>(16).fill("a"))), ["ENOENT"])
  breaks("too-large", () => attached().say(walkRequest(0, 1, new Array<string>(17).fill("a"))))
})

test("a walk knows no .., no path and no name that is none, and its session goes on", () => {
  const scene = attached()
  scene.say(mkdir("d"))
  const walks = [
    ["..", "EINVAL"],
    [".", "EINVAL"],
    ["", "ENOENT"],
    ["/", "EINVAL"],
    ["d/..", "EINVAL"],
    ["/etc/passwd", "EINVAL"],
    ["d\0", "EINVAL"],
    ["n".repeat(255), "ENOENT"],
    ["n".repeat(256), "ENAMETOOLONG"],
    ["\xff\xfe", "ENOENT"],
    ["d", "111"],
  ] as const
  for (const [name, answer] of walks) assert.deepEqual(scene.say(walkRequest(0, 1, [name])), [answer], name)
  assert.deepEqual(scene.say(walkRequest(1, 2, ["..", "d"])), ["EINVAL"])
  // What was found before counts, and there is no fid.
  const partial = scene.exchange(walkRequest(0, 3, ["d", ".."]))
  assert.equal(partial.readUInt16LE(7), 1)
  assert.equal(partial.length, 7 + 2 + 13)
  assert.deepEqual(scene.say(getattr(3)), ["EBADF"])
})

test("nothing is made under a name that is none", () => {
  const scene = attached()
  for (const name of ["..", ".", "/", "a/b", "a\0"]) assert.deepEqual(scene.say(mkdir(name)), ["EINVAL"])
  assert.deepEqual(scene.say(mkdir("")), ["ENOENT"])
  assert.deepEqual(scene.say(mkdir("n".repeat(256))), ["ENAMETOOLONG"])
  assert.deepEqual(scene.say(mkdir("n".repeat(255)), mkdir("\xff", 2)), ["73", "73"])
})

test("a fid is in use until it is clunked", () => {
  const scene = attached()
  assert.deepEqual(scene.say(attachRequest(0)), ["EBADF"])
  assert.deepEqual(scene.say(walkRequest(0, 1, []), walkRequest(0, 1, [], 2)), ["111", "EBADF"])
  assert.deepEqual(scene.say(clunk(1), clunk(1, 2), walkRequest(0, 1, [], 3)), ["121", "EBADF", "111"])
  assert.deepEqual(scene.say(walkRequest(9, 2, [])), ["EBADF"])
})

test("a fid that is open is not opened again, and not walked away with", () => {
  const scene = attached()
  scene.say(walkRequest(0, 1, []))
  const open = numbersRequest(12, [1, 0])
  assert.deepEqual(scene.say(open), ["13"])
  assert.deepEqual(scene.say(open), ["EBADF"])
  assert.deepEqual(scene.say(walkRequest(1, 1, [])), ["EBADF"])
  assert.deepEqual(scene.say(walkRequest(1, 2, [])), ["111"])
})

test("a tag is in use until its answer may leave", () => {
  const scene = attached()
  breaks("out-of-order", () => scene.say(getattr(0, 5), getattr(0, 5)))
  const other = attached()
  assert.deepEqual(other.say(getattr(0, 5)), ["25"])
  assert.deepEqual(other.say(getattr(0, 5)), ["25"])
  breaks("bad-value", () => other.say(getattr(0, NO_TAG)))
})

test("flushing a request that was answered, or never was there, is answered", () => {
  const scene = attached()
  const flush = (old: number) => request(108, 3, (writer) => writer.u16(old))
  assert.deepEqual(scene.say(getattr(0, 2), flush(2)), ["25", "109"])
  assert.deepEqual(scene.say(flush(3)), ["109"])
  assert.deepEqual(scene.say(flush(999)), ["109"])
})

test("a later kernel's requests are refused, and what is no request ends the connection", () => {
  const scene = attached()
  assert.deepEqual(scene.say(request(98, 1)), ["EOPNOTSUPP"])
  assert.deepEqual(scene.say(request(0, 1)), ["EOPNOTSUPP"])
  assert.deepEqual(scene.say(request(102, 1, (writer) => writer.data(Buffer.alloc(12)))), ["EOPNOTSUPP"])
  for (const type of [7, 25, 111, 201, 255]) breaks("unknown-message", () => attached().say(request(type, 1)))
})

test("a tree that was not granted is as one that nobody has", () => {
  const scene = scripted()
  scene.say(versionRequest())
  for (const name of ["", "other", "tre", "tree\0", "/tree", "tree/"]) {
    assert.deepEqual(scene.say(attachRequest(0, name)), ["ENOENT"])
  }
  assert.deepEqual(scene.say(attachRequest(0)), ["105"])
})

test("a stream is the same whole, in pieces, and byte by byte", () => {
  const stream = Buffer.concat([
    versionRequest(),
    attachRequest(0),
    mkdir("d", 2),
    walkRequest(0, 1, ["d"], 3),
    getattr(1, 4),
    walkRequest(1, 2, ["x"], 5),
    clunk(1, 6),
    create(0, "f", 0o102, 7),
    write(0, "0123456789".repeat(5000), 8),
    numbersRequest(116, [0, 0, 0, 50_000], 9),
  ])
  const feed = (pieceBytes: number, isRead = false) => {
    const { exchange, session }: Scripted = scripted()
    for (let at = 0; at < stream.length; ) {
      const room = isRead ? session.roomForRest() : undefined
      const piece = stream.subarray(at, at + Math.min(pieceBytes, room?.length ?? pieceBytes))
      at += piece.length
      if (room === undefined) session.receive(piece)
      else session.received(piece.copy(room))
    }
    return exchange().toString("hex")
  }
  const whole = feed(stream.length)
  for (const pieceBytes of [1, 2, 3, 5, 7, 64]) assert.equal(feed(pieceBytes), whole)
  // As a connection reads it: what a long request lacks straight to where it is kept.
  for (const pieceBytes of [7, 1000, 40_000]) assert.equal(feed(pieceBytes, true), whole)
})

test("what a closed session held is released, whatever state it was in", () => {
  const scene = attached()
  scene.say(mkdir("d"), walkRequest(0, 1, ["d"], 2), numbersRequest(12, [1, 0], 3), walkRequest(0, 2, [], 4))
  breaks("unknown-message", () => scene.say(request(255, 9)))
  assert.equal(scene.session.close(), undefined)
  assert.equal(scene.session.close(), undefined)
  assert.equal(scene.tree.holds, 0)
})

test("what was answered before the protocol was broken is whole", () => {
  const scene = attached()
  breaks("trailing-bytes", () => scene.say(getattr(0, 1), numbersRequest(120, [0, 0], 2)))
  assert.deepEqual(scene.say(), ["25"])
})

test("the disk is waited for by fsync, by a clean end, and by each write of who asked for that", () => {
  const tree = memoryTree()
  const scene = attached(tree)
  const commits: boolean[] = []
  tree.commit = (isDurable = false) => void commits.push(isDurable)
  tree.synchronise = tree.close = () => true
  const waits = (...requests: Buffer[]) => {
    scene.say(...requests)
    return commits.splice(0)
  }
  assert.deepEqual(waits(walkRequest(0, 1, []), create(1, "plain", 0o102)), [false])
  assert.deepEqual(waits(write(1)), [false])
  assert.deepEqual(waits(numbersRequest(50, [1, 0])), [true])
  assert.deepEqual(waits(getattr(1)), [])
  assert.deepEqual(waits(clunk(1)), [true])
  for (const flag of [0o10000, 0o4000000]) {
    assert.deepEqual(waits(walkRequest(0, 2, []), create(2, `sync${flag}`, 0o102 | flag)), [false])
    assert.deepEqual(waits(write(2)), [true])
    scene.say(clunk(2))
    commits.splice(0)
  }
  // One commit for all that a turn has changed.
  assert.deepEqual(waits(mkdir("a", 1), walkRequest(0, 3, ["plain"], 2), clunk(3, 3)), [false])
})

test("an answer whose commit failed becomes an error, and the others do not", () => {
  const tree = memoryTree()
  const scene = attached(tree)
  scene.say(walkRequest(0, 1, []))
  tree.commit = () => {
    throw new FileError("EIO")
  }
  const answers = scene.say(getattr(0, 1), mkdir("a", 2), clunk(1, 3), mkdir("b", 4), getattr(0, 5))
  assert.deepEqual(answers, ["25", "EIO", "121", "EIO", "25"])
  tree.commit = () => {}
  assert.deepEqual(scene.say(mkdir("c"), getattr(0, 2)), ["73", "25"])
  tree.commit = () => {
    throw new FileError("ENOSPC")
  }
  assert.equal(scene.session.close(), "ENOSPC")
})
