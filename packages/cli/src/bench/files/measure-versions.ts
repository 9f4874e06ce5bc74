import { randomFillSync } from "node:crypto"
import { FILES } from "@skerry/rpc"
import { median } from "../statistics.ts"
import { BENCH_TREE, startServer } from "./servers.ts"
import { makeDirectory } from "./workload.ts"

/** 1 GB in 100,000 files. */
const TREE = { directories: 100, files: 1000, fileBytes: 10_000, tries: 9 } as const
/** For the store to get its working tree to disk, as it does when nobody asks for anything. */
const REST_MS = 2000

/** Medians, in milliseconds. */
export interface VersionTimes {
  readonly snapshot: number
  readonly rollback: number
}

/** Of a large tree at rest, in which one file is made before each snapshot. */
export function measureVersions(): VersionTimes {
  using server = startServer("store")
  const { client, control } = server
  if (control === undefined) throw new Error("The store has no control connection")
  const bytes = randomFillSync(Buffer.allocUnsafeSlow(TREE.fileBytes))
  let count = 0
  /** Never the same twice, nor compressible. */
  const content = () => {
    bytes.writeUInt32LE(count++)
    return bytes
  }
  for (let directory = 0; directory < TREE.directories; directory++) {
    makeDirectory(client, `directory-${directory}`, TREE.files, content)
  }
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, REST_MS)
  const params = { tree: BENCH_TREE, reason: "manual", note: "" } as const
  control.call(FILES.stateSnapshot, params)
  const snapshots: number[] = []
  const rollbacks: number[] = []
  for (let round = 0; round < TREE.tries; round++) {
    makeDirectory(client, `new-${round}`, 1, content)
    const fromMs = performance.now()
    const { result } = control.call(FILES.stateSnapshot, params)
    const keptMs = performance.now()
    control.call(FILES.stateRollback, { tree: BENCH_TREE, version: String(result.version - 1) })
    snapshots.push(keptMs - fromMs)
    rollbacks.push(performance.now() - keptMs)
  }
  return { snapshot: median(snapshots), rollback: median(rollbacks) }
}
