import { MemoryTree } from "../backends/memory/memory-tree.ts"
import { errnoName } from "../codec/errno.ts"
import { MessageWriter } from "../codec/message-writer.ts"
import { HEADER_BYTES, NO_FID, NO_TAG, RLERROR, VERSION } from "../codec/messages.ts"
import { BufferPool } from "./buffer-pool.ts"
import { ServedTree } from "./served-tree.ts"
import { Session } from "./session.ts"

/** A request, byte for byte: what no decent client would send, too. */
export function request(
  type: number,
  tag: number,
  write: (writer: MessageWriter) => void = () => {},
): Buffer {
  const writer = new MessageWriter(Buffer.alloc(2 * 1024 * 1024))
  writer.begin(type, tag)
  write(writer)
  writer.end()
  return Buffer.from(writer.bytes.subarray(0, writer.at))
}

export const versionRequest = (messageBytes = 65_536, dialect: string = VERSION): Buffer =>
  request(100, NO_TAG, (writer) => {
    writer.u32(messageBytes)
    writer.bytesFromText(dialect)
  })

export const attachRequest = (fid: number, name = "tree", tag = 1): Buffer =>
  request(104, tag, (writer) => {
    writer.u32(fid)
    writer.u32(NO_FID)
    writer.bytesFromText("user")
    writer.bytesFromText(name)
    writer.u32(1000)
  })

export const walkRequest = (fid: number, newFid: number, names: readonly string[], tag = 1): Buffer =>
  request(110, tag, (writer) => {
    writer.u32(fid)
    writer.u32(newFid)
    writer.u16(names.length)
    for (const name of names) writer.bytesFromText(name)
  })

/** A message that is made of numbers of four bytes. */
export const numbersRequest = (type: number, numbers: readonly number[], tag = 1): Buffer =>
  request(type, tag, (writer) => {
    for (const number of numbers) writer.u32(number)
  })

/** What an answer says: its type's number, or the error's name. */
export function summaries(answers: Buffer): string[] {
  const found: string[] = []
  for (let at = 0; at < answers.length; at += answers.readUInt32LE(at)) {
    const type = answers[at + 4]
    found.push(type === RLERROR ? errnoName(answers.readUInt32LE(at + HEADER_BYTES)) : `${type}`)
  }
  return found
}

export const memoryTree = (): MemoryTree =>
  new MemoryTree({ now: () => 1_700_000_000_000_000_000n, mostBytes: 2 ** 30, uid: 1000, gid: 1000 })

export interface Scripted {
  readonly tree: MemoryTree
  readonly served: ServedTree
  readonly session: Session
  /** Sends requests and ends the turn; what the answers say. */
  say(...requests: readonly Buffer[]): string[]
  /** The same; the answers themselves. */
  exchange(...requests: readonly Buffer[]): Buffer
}

/** A session whose client says what a test lets it say. */
export function scripted(tree: MemoryTree = memoryTree(), access: "read" | "write" = "write"): Scripted {
  const served = new ServedTree(tree)
  const session = new Session({ trees: new Map([["tree", { served, access }]]), pool: new BufferPool() })
  const exchange = (...requests: readonly Buffer[]): Buffer => {
    for (const bytes of requests) session.receive(bytes)
    session.endTurn()
    const answers = Buffer.from(session.pending())
    session.taken(answers.length)
    return answers
  }
  return { tree, served, session, exchange, say: (...requests) => summaries(exchange(...requests)) }
}

/** One that has agreed on the version and has the root as fid 0. */
export function attached(tree: MemoryTree = memoryTree(), messageBytes = 65_536): Scripted {
  const scene = scripted(tree)
  scene.say(versionRequest(messageBytes), attachRequest(0))
  return scene
}
