import { finished } from "node:stream/promises"
import { quoted } from "@skerry/model"
import { type Connection, STATE_METHODS } from "@skerry/rpc"
import { CliError } from "../cli-error.ts"
import type { CommandContext } from "../command.ts"
import { domainText } from "../render/domain-text.ts"
import { write } from "../render/write.ts"
import { readTreeRecords } from "../transfer/tree-records.ts"
import { pathOfBytes } from "./shown-path.ts"

/** Of a hole, written at once. */
const ZEROS = 64n * 1024n

/** Byte by byte; a terminal, which obeys what it is written, is shown text alone. */
export async function printFile(
  { stdout, signal }: CommandContext,
  connection: Connection,
  params: { readonly tree: string; readonly version: string; readonly path: Uint8Array },
): Promise<number> {
  const givenUp = new AbortController()
  const call = connection.call(STATE_METHODS.stateExport, params, {
    signal: AbortSignal.any([signal, givenUp.signal]),
  })
  const text = stdout.isTTY === true ? domainText() : undefined
  text?.pipe(stdout, { end: false })
  try {
    for await (const record of readTreeRecords(call)) {
      if (record.kind === "entry" && record.entryKind !== "file") {
        const shown = quoted(pathOfBytes(params.path).path, 200)
        throw new CliError("refused", `${shown} is no file but a ${record.entryKind}`)
      }
      if (record.kind === "piece") await write(text ?? stdout, Buffer.from(record.content))
      if (record.kind === "hole") {
        for (let left = record.bytes; left > 0n; left -= ZEROS) {
          signal.throwIfAborted()
          await write(text ?? stdout, Buffer.alloc(Number(left < ZEROS ? left : ZEROS)))
        }
      }
    }
    await call.result
    return 0
  } finally {
    givenUp.abort() // says nothing to a call that is over
    if (text !== undefined) {
      text.end()
      await finished(text, { cleanup: true }).catch(() => {})
    }
  }
}
