import { closeSync } from "node:fs"
import { connect, Socket } from "node:net"
import { join } from "node:path"
import { openLinux } from "@skerry/linux"
import { isPipe } from "./client-session.ts"
import type { CommandContext } from "./command.ts"

/** A command may leave processes behind that hold its standard error: nobody waits for them. */
const LAST_WORDS_MS = 200

/**
 * Sends standard input, output and error to the daemon as descriptors, under the token that it asked for. Standard
 * error becomes a pipe first where it is none. Disposing of the result waits for what is left in that pipe.
 */
export async function handOverPipes(
  { paths, stderr }: Pick<CommandContext, "paths" | "stderr">,
  token: string,
): Promise<AsyncDisposable> {
  const linux = openLinux()
  const socket = await new Promise<Socket>((resolve, reject) => {
    const connecting = connect(join(paths.runtime, "descriptors.sock"), () => resolve(connecting))
    connecting.once("error", reject)
  })
  const errorPipe = isPipe(2) ? undefined : linux.pipe()
  try {
    const { fd } = (socket as unknown as { _handle: { fd: number } })._handle
    const handed = [0, 1, errorPipe?.write ?? 2]
    // Node's own streams on them never wait, and that is a property of the pipe: few commands can deal with it.
    for (const pipeFd of handed) linux.setBlocking(pipeFd, true)
    linux.sendDescriptors(fd, Buffer.from(token), handed)
  } catch (error) {
    socket.destroy()
    if (errorPipe !== undefined) closeSync(errorPipe.read)
    throw error
  } finally {
    // Ours must close, or the pipe would never end.
    if (errorPipe !== undefined) closeSync(errorPipe.write)
  }
  const errors = errorPipe && new Socket({ fd: errorPipe.read, readable: true, writable: false })
  errors?.pipe(stderr, { end: false })
  return {
    async [Symbol.asyncDispose]() {
      socket.destroy()
      if (errors === undefined) return
      if (!errors.readableEnded) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, LAST_WORDS_MS)
          errors.once("end", () => {
            clearTimeout(timer)
            resolve()
          })
        })
      }
      errors.destroy()
    },
  }
}
