import { type Digest, parseDigest } from "@skerry/model"
import { ADMIN, type DomainRow } from "@skerry/rpc"
import { openRunningClient } from "../client.ts"
import { readRows } from "../client-lines.ts"
import type { CommandContext } from "../command.ts"

/** Images of the domains that run now; none where no daemon does. */
export async function runningImages(context: CommandContext): Promise<readonly Digest[]> {
  const connection = await openRunningClient(context)
  if (connection === undefined) return []
  const images: Digest[] = []
  for await (const row of readRows<undefined, DomainRow>(connection, ADMIN.ps, undefined, context.signal)) {
    images.push(parseDigest(row.image))
  }
  return images
}
