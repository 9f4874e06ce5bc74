import { closeSync } from "node:fs"
import { FILES, RemoteError, type ServedTree } from "@skerry/rpc"
import type { FileServer } from "./file-server.ts"
import { TREE_LIMITS } from "./limits.ts"

export interface ServedClient {
  readonly label: number
  readonly trees: readonly ServedTree[]
}

/**
 * Joins a client and has it served, perhaps again; its end of the connection is the caller's. Rejects, and it is not
 * joined.
 */
export async function serve(
  server: FileServer,
  { label, trees }: ServedClient,
  method: typeof FILES.serve | typeof FILES.serveAgain,
): Promise<number> {
  const fd = await server.connect(label)
  try {
    const params = { client: label, trees: [...trees] }
    await server.control.call(method, params, within(TREE_LIMITS.startMs)).result
    return fd
  } catch (error) {
    closeSync(fd)
    await server.disconnect(label).catch(() => {}) // `error` says what went wrong
    throw error
  }
}

/** Rejects where the server is gone: it answers nothing then, not even that it does not know what was asked. */
export async function expectAlive(server: FileServer): Promise<void> {
  const status = server.control.call(FILES.status, undefined, within(TREE_LIMITS.answerMs))
  status.stdout.resume()
  await status.result.catch((error: unknown) => {
    if (!(error instanceof RemoteError)) throw error
  })
}

/** For a call that may take so long. */
export const within = (ms: number) => ({ signal: AbortSignal.timeout(ms) })
