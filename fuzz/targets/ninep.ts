import assert from "node:assert/strict"
import {
  MESSAGES,
  type MessageName,
  MessageWriter,
  NO_FID,
  NO_TAG,
  RLERROR,
  VERSION,
} from "@skerry/files/codec"
import { BufferPool, MemoryTree, ServedTree, Session } from "@skerry/files/testing"
import { ProtocolError } from "@skerry/wire"
import { mutate } from "../mutate.ts"
import type { Prng } from "../prng.ts"
import type { FuzzTarget } from "../target.ts"
import { recordedSessions } from "./ninep-recorded.ts"

const NAMES = [
  "a",
  "b",
  "c",
  "d",
  ".",
  "..",
  "",
  "a/b",
  "\0",
  "\xff",
  "n".repeat(255),
  "n".repeat(256),
] as const
const TEXTS = [...NAMES, "user.x", "user.y", "security.capability", "tree", VERSION] as const
/** Fids and small counts mostly, and what stands at edges. */
const NUMBERS = [0, 1, 2, 3, 4, 4, 3, 2, 1, 0, 0o644, 0o100644, 0o2102, 4096, 0x7fff_ffff, NO_FID] as const
const LARGE = [
  0n,
  1n,
  5n,
  4096n,
  70_000n,
  (1n << 31n) - 1n,
  1n << 53n,
  (1n << 63n) - 2n,
  1n << 63n,
  (1n << 64n) - 1n,
]

const REQUESTS = Object.keys(MESSAGES) as [MessageName, ...MessageName[]]
/** What most sequences are made of, so that there is something to work with. */
const LIKELY = ["walk", "walk", "lcreate", "lopen", "mkdir", "write", "read", "readdir", "clunk"] as const

/** Writes a request with fields of its layout: each plausible by itself. */
function writeRequest(prng: Prng, writer: MessageWriter, name: MessageName, tag: number): void {
  writer.begin(MESSAGES[name].type, tag)
  let count = 0
  for (const [, field, kind] of MESSAGES[name].request.matchAll(/(\S+)\[(\w+)\]/g)) {
    if (kind === "s") {
      const times = field?.startsWith("n*(") === true ? count : 1
      for (let index = 0; index < times; index++) {
        writer.bytesFromText(prng.chance(3) ? prng.pick(TEXTS) : prng.pick(["a", "b", "c"]))
      }
    } else if (kind === "data") writer.data(prng.bytes(count))
    else if (kind === "8")
      writer.u64(prng.chance(2) ? BigInt(prng.below(200)) : (LARGE[prng.below(LARGE.length)] ?? 0n))
    else if (kind === "2") {
      count = prng.below(4)
      writer.u16(count)
    } else if (kind === "1") writer.u8(prng.below(4))
    else if (field === "count") {
      count = name === "write" ? prng.below(100) : prng.pick(NUMBERS)
      writer.u32(count)
    } else writer.u32(field?.endsWith("fid") === true ? prng.below(5) : prng.pick(NUMBERS))
  }
  writer.end()
}

function generate(prng: Prng): Uint8Array {
  if (prng.chance(4)) return mutate(prng, prng.pick(recordedSessions))
  const writer = new MessageWriter(Buffer.allocUnsafe(64 * 1024))
  writer.begin(MESSAGES.version.type, NO_TAG)
  writer.u32(8192)
  writer.bytesFromText(VERSION)
  writer.end()
  writer.begin(MESSAGES.attach.type, 1)
  writer.u32(0)
  writer.u32(NO_FID)
  writer.bytesFromText("")
  writer.bytesFromText("tree")
  writer.u32(0)
  writer.end()
  for (let tag = 2 + prng.below(30); tag > 1; tag--) {
    writeRequest(prng, writer, prng.chance(3) ? prng.pick(REQUESTS) : prng.pick(LIKELY), tag)
  }
  const stream = Uint8Array.from(writer.bytes.subarray(0, writer.at))
  return prng.chance(2) ? stream : mutate(prng, stream)
}

const pool = new BufferPool()

/** What a server answers to a stream that comes in pieces of this size, and how the stream ended. */
function serve(untrustedInput: Buffer, pieceBytes: number): string {
  const tree = new MemoryTree({ now: () => 1n, mostBytes: 1024 * 1024, uid: 1000, gid: 1000 })
  const served = new ServedTree(tree)
  const session = new Session({ trees: new Map([["tree", { served, access: "write" }]]), pool })
  let ending = "open"
  const answers: Buffer[] = []
  const take = () => {
    session.endTurn()
    const pending = session.pending()
    answers.push(Buffer.from(pending))
    session.taken(pending.length)
  }
  try {
    for (let at = 0; at < untrustedInput.length; at += pieceBytes) {
      session.receive(untrustedInput.subarray(at, at + pieceBytes))
      while (!session.wantsInput) {
        take()
        session.resume()
      }
    }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    ending = error.code
  }
  take()
  session.close()
  assert.equal(tree.holds, 0, "a node is held by nobody")
  expectAnswers(Buffer.concat(answers))
  return `${ending} ${Buffer.concat(answers).toString("base64")}`
}

/** Whole messages, each an answer. */
function expectAnswers(answers: Buffer): void {
  for (let at = 0; at < answers.length; ) {
    const size = answers.readUInt32LE(at)
    assert.ok(size >= 7 && at + size <= answers.length)
    assert.ok((answers[at + 4] ?? 0) % 2 === 1)
    if (answers[at + 4] === RLERROR) assert.equal(size, 11)
    at += size
  }
}

/** Only ProtocolError comes out, every node is released at the end, and pieces make no difference. */
export const ninep: FuzzTarget = {
  name: "ninep",
  generate,
  check(untrustedInput) {
    const input = Buffer.from(untrustedInput)
    const whole = serve(input, Math.max(1, input.length))
    assert.equal(serve(input, 7), whole)
    assert.equal(serve(input, 1), whole)
  },
}
