import type { BuildResult } from "@skerry/image"
import { type OnProgress, printableLines } from "@skerry/model"
import { ADMIN } from "@skerry/rpc"
import { openClient } from "../client.ts"
import type { CommandContext } from "../command.ts"

const STEP = "templates"

/** Has the daemon boot what is new once and keep it, so that the first start is as fast as the others. */
export async function prepareTemplates(
  context: CommandContext,
  result: BuildResult,
  onProgress: OnProgress,
): Promise<void> {
  // Templates of an unchanged system are there, or are made at the first start.
  if (!result.isNew) return
  const connection = await openClient(context)
  onProgress({ kind: "begin", step: STEP, label: "Booting templates", unit: "items" })
  const call = connection.call(
    ADMIN.prepare,
    { instances: [] },
    {
      signal: context.signal,
      onEvent: ({ done, total }) => onProgress({ kind: "advance", step: STEP, done, total }),
    },
  )
  const { prepared, unusable } = await call.result
  onProgress({ kind: "end", step: STEP, note: `${prepared} ready` })
  connection.close()
  for (const reason of unusable) context.stderr.write(`${printableLines(reason)}\n`)
}
