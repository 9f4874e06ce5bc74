import { spawn } from "node:child_process"
import { once } from "node:events"
import { chmodSync, closeSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { Socket } from "node:net"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { openLinux } from "@skerry/linux"
import { Connection, type ConnectionOptions } from "@skerry/rpc"

const linux = openLinux()

/** For tests: an agent as at level `process`, and the daemon's end of its connection. Commands run as the current user. */
export interface TestAgent extends AsyncDisposable {
  readonly pid: number
  readonly caller: Connection
  /** The host's end of the descriptor socket. */
  readonly descriptors: number
  /** Where its call socket, services and their configuration are, as if it were "/". */
  readonly root: string
  readonly callSocket: string
  /** Writes a file below `root`; a program where the text begins with "#!". */
  write(path: string, text: string): void
}

export function openTestAgent(options: ConnectionOptions = {}): TestAgent {
  const root = mkdtempSync(join(tmpdir(), "skerry-agent-"))
  // Services run as another account where the test is root.
  chmodSync(root, 0o755)
  const [callerFd, agentFd] = linux.socketPair()
  const [descriptors, descriptorSocket] = linux.socketPair()
  mkdirSync(join(root, "etc"))
  const agent = [process.execPath, join(import.meta.dirname, "main.ts")]
  // Root's agent names the host anew: not the one that the test runs on.
  const [file = "", ...args] =
    process.getuid?.() === 0 ? ["/usr/bin/unshare", "--uts", "--", ...agent] : agent
  const child = spawn(file, args, {
    stdio: ["ignore", "inherit", "inherit", agentFd, descriptorSocket],
    env: { SKERRY_CONTROL_FD: "3", SKERRY_ROOT: root, NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE },
  })
  const exited = once(child, "exit")
  closeSync(agentFd)
  closeSync(descriptorSocket)
  const caller = new Connection(new Socket({ fd: callerFd }), options)
  return {
    pid: child.pid ?? 0,
    caller,
    descriptors,
    root,
    callSocket: join(root, "run/skerry/call.sock"),
    write(path, text) {
      const file = join(root, path)
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, text)
      if (text.startsWith("#!")) chmodSync(file, 0o755)
    },
    async [Symbol.asyncDispose]() {
      caller.close()
      await exited
      closeSync(descriptors)
      rmSync(root, { recursive: true })
    },
  }
}
