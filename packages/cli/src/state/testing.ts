import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { createServer, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { PassThrough } from "node:stream"
import { normalise } from "@skerry/config"
import { GenerationStore } from "@skerry/image"
import type { HostPaths } from "@skerry/model"
import { Connection, type Handler, handler, STATE_METHODS } from "@skerry/rpc"
import { CapturedOutput, runCommandLine, type TestRun } from "../testing.ts"

export interface ScriptedDaemon extends AsyncDisposable {
  readonly paths: HostPaths
  /** A place for files of the test. */
  readonly folder: string
  run(...words: readonly string[]): Promise<TestRun>
}

/** For tests: a daemon that answers calls of the state store with these handlers, and an open store where none says else. */
export async function scriptedDaemon(
  handlers: readonly Handler[],
  written: unknown = CONFIGURATION,
): Promise<ScriptedDaemon> {
  const folder = mkdtempSync(join(tmpdir(), "skerry-state-cli-"))
  const under = (name: string) => join(folder, name)
  const paths = {
    configuration: under("config"),
    state: under("state"),
    cache: under("cache"),
    runtime: under("run"),
  }
  mkdirSync(paths.runtime, { mode: 0o700 })
  const store = new GenerationStore(paths.state)
  const { system } = normalise(written, "test")
  const { number } = await store.add({ system, images: {}, lock: {} as never }, 0)
  await store.makeCurrent(number)
  const isStatus = ({ method }: Handler) => method.id === STATE_METHODS.stateStatus.id
  const serve = handlers.some(isStatus) ? handlers : [...handlers, OPEN]
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    new Connection(socket, { serve })
  })
  await new Promise<void>((resolve) => server.listen(join(paths.runtime, "skerryd.sock"), resolve))
  server.unref()
  return {
    paths,
    folder,
    run: (...words) => runCommandLine(words, { paths, cwd: folder }),
    async [Symbol.asyncDispose]() {
      // A command leaves its connection to the end of its process.
      for (const socket of sockets) socket.destroy()
      server.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const OPEN = handler(STATE_METHODS.stateStatus, () => ({
  status: "open" as const,
  key: "passphrase" as const,
  storedBytes: 1000n,
  freeBytes: 2000n,
}))

const tree = (name: string) => ({ kind: "directory", origin: { kind: "state", tree: name } })

/** `mail` has one tree, `work` two, `pdf` none. */
export const CONFIGURATION = {
  applications: { shell: { source: { kind: "debian", packages: ["bash"] }, command: ["bash"] } },
  resources: { "mail-home": tree("mail"), projects: tree("projects"), shared: tree("shared") },
  instances: {
    mail: { application: "shell", grants: ["mail-home"] },
    work: { application: "shell", grants: ["projects", { resource: "shared", at: "/mnt/shared" }] },
    pdf: { application: "shell" },
  },
}

/** A terminal on which this is typed whenever what is shown has `prompt` in it. */
export function terminalTyping(prompt: string, typed: string) {
  const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => {} })
  const stderr = new CapturedOutput()
  const write = stderr.write.bind(stderr)
  stderr.write = (chunk: unknown, ...more: unknown[]): boolean => {
    if (String(chunk).includes(prompt)) stdin.write(typed)
    return Reflect.apply(write, stderr, [chunk, ...more])
  }
  return { stdin, stderr }
}
