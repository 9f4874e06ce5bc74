import { randomBytes } from "node:crypto"
import { openSync } from "node:fs"
import { FakeBackend, type IsolationBackend } from "@skerry/isolation"
import { openLinux } from "@skerry/linux"
import { hostPaths } from "@skerry/model"
import { openDaemon } from "../daemon.ts"
import { FakeFileServers } from "./fake-file-servers.ts"
import { type AgentRecord, serveScriptedAgent } from "./scripted-agent.ts"
import { generation, tinySystem } from "./test-daemon.ts"

/* A whole daemon process for tests, as main.ts makes it, but its domains are functions in it. */
const linux = openLinux()
const uid = process.getuid?.() ?? 0
const record: AgentRecord = {
  ...{
    told: [],
    entropy: [],
    machineIds: [],
    clocks: [],
    callIds: [],
    agents: new Map(),
    unmounts: "at once",
  },
}
/** A fake whose domains take host pipes, as those of bubblewrap do. */
function withDescriptors(): IsolationBackend {
  const handed: number[][] = []
  const fake = new FakeBackend({
    level: "process",
    serveAgent: (channel) => serveScriptedAgent(channel, record, () => handed.shift()),
  })
  return new Proxy<IsolationBackend>(fake, {
    get(_, name) {
      if (name === "features") return { ...fake.features, descriptors: true, snapshots: false }
      if (name === "start") {
        return async (...words: Parameters<IsolationBackend["start"]>) =>
          Object.assign(await fake.start(...words), {
            // The daemon closes its own after this: like a socket, keep others.
            sendDescriptors: ([input, output, errors]: readonly number[]) => {
              const again = (fd: number | undefined, flags: string) => openSync(`/proc/self/fd/${fd}`, flags)
              handed.push([again(input, "r"), again(output, "w"), again(errors, "w")])
            },
          })
      }
      const value: unknown = Reflect.get(fake, name)
      return typeof value === "function" ? value.bind(fake) : value
    },
  })
}

try {
  const daemon = await openDaemon({
    paths: hostPaths(process.env, uid),
    uid,
    generations: { stamp: async () => "1", load: async () => generation(1, tinySystem()) },
    environment: {},
    policyDirectories: [],
    backends: [
      {
        name: "fake",
        level: "vm",
        open: async () => new FakeBackend({ serveAgent: (channel) => serveScriptedAgent(channel, record) }),
      },
      { name: "fake", level: "process", open: async () => withDescriptors() },
    ],
    fileServers: { process: new FakeFileServers(), vm: undefined },
    home: process.env.HOME ?? "/",
    host: {
      tryLock: (descriptor) => linux.tryLock(descriptor),
      peerUid: (descriptor) => linux.peerCredentials(descriptor).uid,
      receiveMessage: (descriptor) => linux.receiveDescriptors(descriptor, 64),
    },
    now: Date.now,
    monotonicMs: () => performance.now(),
    randomBytes,
    memoryBytes: async () => undefined,
    idleMs: Number(process.argv[2] ?? "0") * 1000 || Number.POSITIVE_INFINITY,
  })
  process.on("SIGTERM", () => void daemon.end())
  process.stdout.write("ready\n")
  await daemon.ended
  process.exit(0)
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
}
