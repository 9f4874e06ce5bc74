import { randomFillSync } from "node:crypto"
import { median } from "../statistics.ts"
import { type MeasuredServer, type PeakMemory, type ServerKind, startServer, takeMemory } from "./servers.ts"
import {
  makeLarge,
  readLarge,
  readRandom,
  removeLarge,
  SIZES,
  type SmallStep,
  smallFiles,
  writeLarge,
} from "./workload.ts"

const ROUNDS = 5
export const KINDS: readonly ServerKind[] = ["diod", "directory", "store"]
const NAME = "large"
const BLOCK_BYTES = 4096

export type Step = "write" | "read" | "random" | "readSmall" | Exclude<SmallStep, "read">

/** Medians, in milliseconds; of memory the most. */
export type FileTimes = Readonly<
  Record<ServerKind, { readonly steps: Readonly<Record<Step, number>>; readonly memory: PeakMemory }>
>

/** The servers take turns, so that a busy minute meets all of them; each is started anew for its turn. */
export function measureFiles(): FileTimes {
  const samples = new Map<ServerKind, { steps: Record<Step, number>; memory: PeakMemory }[]>()
  for (let round = 0; round < ROUNDS; round++) {
    for (const kind of KINDS) {
      using server = startServer(kind)
      const all = samples.get(kind) ?? []
      all.push(measure(server, round))
      samples.set(kind, all)
    }
  }
  const of = (kind: ServerKind) => {
    const all = samples.get(kind) ?? []
    const first = all[0]
    if (first === undefined) throw new Error(`${kind} was not measured`)
    const names = Object.keys(first.steps) as Step[]
    const steps = names.map((step) => [step, median(all.map((sample) => sample.steps[step]))] as const)
    const [most = first] = all.toSorted((a, b) => b.memory.peakBytes - a.memory.peakBytes)
    return { steps: Object.fromEntries(steps) as Record<Step, number>, memory: most.memory }
  }
  return { diod: of("diod"), directory: of("directory"), store: of("store") }
}

function measure(server: MeasuredServer, round: number): { steps: Record<Step, number>; memory: PeakMemory } {
  const { client } = server
  const content = newContent(client.messageBytes, round)
  takeMemory(SIZES.fileBytes)
  makeLarge(client, NAME)
  const write = writeLarge(client, content)
  readLarge(client)
  const large = { write, read: readLarge(client), random: readRandom(client) }
  removeLarge(client, NAME)
  // The first time warms it up, as it does the server's code.
  smallFiles(client, "first")
  const { read: readSmall, ...small } = smallFiles(client, "second")
  return { steps: { ...large, ...small, readSmall }, memory: server.memory() }
}

/** Random bytes, no two blocks of which are alike: nothing of them can be compressed, or is held already. */
function newContent(mostBytes: number, round: number): (offset: number, count: number) => Uint8Array {
  const bytes = randomFillSync(Buffer.allocUnsafeSlow(mostBytes))
  return (offset, count) => {
    for (let at = 0; at < count; at += BLOCK_BYTES) {
      bytes.writeUInt32LE(round, at)
      bytes.writeDoubleLE(offset + at, at + 4)
    }
    return bytes.subarray(0, count)
  }
}
