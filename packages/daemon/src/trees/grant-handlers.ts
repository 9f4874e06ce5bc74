import { ADMIN, type Handlers, handler } from "@skerry/rpc"
import { writeLines } from "../write-lines.ts"
import type { DirectoryGrants } from "./directory-grants.ts"

/** Serves `skerry grant`, `skerry revoke` and a part of `skerry grants`. */
export function directoryHandlers(grants: DirectoryGrants): Handlers {
  return [
    handler(ADMIN.grantDirectory, async (wanted) => {
      const { id, at, warnings } = await grants.add(wanted)
      return { id, at, warnings: [...warnings] }
    }),
    handler(ADMIN.revokeDirectory, async ({ ids }) => ({ revoked: await grants.revoke(ids) })),
    handler(ADMIN.listDirectoryGrants, async (_, context) => {
      await writeLines(context, grants.list())
      return undefined
    }),
  ]
}
