import type { OnProgress } from "@skerry/model"
import { type Connection, STATE_METHODS } from "@skerry/rpc"
import { type FindHoles, measureTree, type Sent, sendTree } from "./send-tree.ts"

export interface ImportTo {
  readonly tree: string
  readonly path: Uint8Array
  readonly merge: boolean
}

export interface ImportOptions {
  readonly find: FindHoles
  readonly signal: AbortSignal
  readonly onProgress: OnProgress
}

export interface Imported extends Sent {
  readonly version: number
}

/** Rejects with what the store said where it gave up, also while the directory is still being read. */
export async function importTree(
  connection: Connection,
  hostPath: string,
  to: ImportTo,
  { find, signal, onProgress }: ImportOptions,
): Promise<Imported> {
  onProgress({ kind: "begin", step: "measure", label: "Look what there is", unit: "items" })
  const measured = await measureTree(hostPath, signal)
  onProgress({ kind: "end", step: "measure", note: `${measured.files} files` })
  const givenUp = new AbortController()
  const ended = AbortSignal.any([signal, givenUp.signal])
  const call = connection.call(STATE_METHODS.stateImport, to, { signal: ended })
  call.stdin.on("error", () => {}) // the call's result says why
  call.result.catch((error: unknown) => givenUp.abort(error))
  const step = "import"
  onProgress({ kind: "begin", step, label: `Into ${to.tree}`, total: measured.bytes, unit: "bytes" })
  try {
    const sent = await sendTree(hostPath, call.stdin, {
      find,
      signal: ended,
      onBytes: (done) => onProgress({ kind: "advance", step, done, total: Math.max(done, measured.bytes) }),
    })
    const { version } = await call.result
    onProgress({ kind: "end", step })
    return { ...sent, version }
  } catch (error) {
    // What was sent so far is dropped: a stream without its end is not imported.
    givenUp.abort(error)
    throw error
  }
}
