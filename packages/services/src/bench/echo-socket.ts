import { createServer } from "node:net"
import type { Program } from "../program.ts"

/** skerry-bench-echo PATH: a service behind a socket, which gives back what it gets; until it is ended. */
export const benchEcho: Program = async ({ argv: [path = ""], stdout }) => {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => socket.destroy())
    socket.pipe(socket)
  })
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject)
    server.listen(path, resolve)
  })
  stdout.write("listening\n")
  await new Promise((resolve) => server.once("close", resolve))
  return 0
}
