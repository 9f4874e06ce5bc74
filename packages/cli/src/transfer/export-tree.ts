import type { OnProgress } from "@skerry/model"
import { type Connection, STATE_METHODS } from "@skerry/rpc"
import { openEmptyDirectory } from "./empty-directory.ts"
import { HostWriter, type Written } from "./host-writer.ts"
import { readTreeRecords } from "./tree-records.ts"

export interface ExportFrom {
  readonly tree: string
  readonly version: string
  readonly path: Uint8Array
}

/** What was written stays where this fails: it lies in a directory that was empty. */
export async function exportTree(
  connection: Connection,
  from: ExportFrom,
  hostPath: string,
  options: { readonly signal: AbortSignal; readonly umask: number; readonly onProgress: OnProgress },
): Promise<Written> {
  const { onProgress, umask } = options
  const lastName = Buffer.from(from.path).subarray(Buffer.from(from.path).lastIndexOf(0x2f) + 1)
  using writer = new HostWriter(openEmptyDirectory(hostPath), lastName, umask)
  const givenUp = new AbortController()
  const step = "export"
  onProgress({ kind: "begin", step, label: `From ${from.tree}`, unit: "bytes" })
  const call = connection.call(STATE_METHODS.stateExport, from, {
    signal: AbortSignal.any([options.signal, givenUp.signal]),
    onEvent: ({ total }) =>
      onProgress({ kind: "advance", step, done: writer.written.bytes, total: Number(total) }),
  })
  try {
    for await (const record of readTreeRecords(call)) {
      writer.add(record)
      if (record.kind === "piece" || record.kind === "hole")
        onProgress({ kind: "advance", step, done: writer.written.bytes })
    }
    await call.result
  } finally {
    givenUp.abort() // says nothing to a call that is over
  }
  onProgress({ kind: "end", step })
  return writer.written
}
