import { createReadStream } from "node:fs"
import { chmod, mkdtemp, open, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pipeline } from "node:stream/promises"
import { runChild } from "../exec/run-child.ts"
import { ByteSource } from "../filecopy/byte-source.ts"
import type { Program } from "../program.ts"
import { decodeName, digestOf, OPEN_LIMITS, takeFile } from "./exchange.ts"
import { HANDLERS_FILE, handlerFor, IS_OPENING } from "./handlers.ts"

const NO_SUCH_PROGRAM = 127

type Choose = (path: string, name: string) => readonly string[]

/** `qubes.OpenInVM`: opens the file that comes, and sends it back if it was changed. Ends when its handler has ended. */
export const openInVm: Program = (io) => openReceived(io, handlerFor)

export async function openReceived(io: Parameters<Program>[0], choose: Choose): Promise<number> {
  const { stdin, stdout } = io
  const input = new ByteSource(stdin)
  const { name, isViewOnly } = decodeName(await input.exactly(OPEN_LIMITS.nameBytes))
  // Nobody else's, and gone at the end: the name cannot meet anything there.
  const folder = await mkdtemp(join(tmpdir(), "skerry-open-"))
  try {
    const path = join(folder, name)
    const file = await open(path, "wx", 0o600)
    const before = await takeFile(input.rest(), file, OPEN_LIMITS.fileBytes).finally(() => file.close())
    if (isViewOnly) await chmod(path, 0o400)
    const status = await runChild(io, choose(path, name), {
      isAside: true,
      environment: { [IS_OPENING]: "yes" },
    })
    if (status === NO_SUCH_PROGRAM) {
      io.stderr.write(
        `This domain has no handler for ${JSON.stringify(name)}: name one in ${HANDLERS_FILE}, or install xdg-utils\n`,
      )
    }
    if (status !== 0) return status
    if (isViewOnly) return 0
    // By content, not by time: editors put new files in place, with whatever time they like.
    const after = await digestOf(path)
    if (after.sha256 !== before.sha256) await pipeline(createReadStream(path), stdout, { end: false })
    return 0
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
