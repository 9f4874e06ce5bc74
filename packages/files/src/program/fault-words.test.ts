import assert from "node:assert/strict"
import { test } from "node:test"
import { openLinux } from "@skerry/linux"
import { Loop, servePort } from "@skerry/loop"
import { FILES } from "@skerry/rpc"
import { NinepClient } from "../client/ninep-client.ts"
import { socketTransport } from "../client/transport.ts"
import { memoryTree } from "../server/scripted-client.ts"
import { ServedTree } from "../server/served-tree.ts"
import { descriptorClients } from "./client-source.ts"
import { faultWords, faultyClient } from "./fault-words.ts"
import { FileServer } from "./file-server.ts"
import { FilesCaller } from "./files-caller.ts"

const linux = openLinux()

test("a server that a request makes stumble says last whose request it was", () => {
  const loop = new Loop(linux, () => performance.now())
  const tree = memoryTree()
  tree.root = () => {
    throw new TypeError("no such node")
  }
  const [control, ourControl] = linux.socketPair()
  const [clients, ourClients] = linux.socketPair()
  const trees = {
    ...{ handlers: [], open: () => new ServedTree(tree) },
    ...{ closed: () => {}, synchronise: () => {}, close: () => {} },
  }
  const server = new FileServer({
    ...{ loop, linux, trees, log: () => {} },
    clients: descriptorClients(linux, clients),
  })
  servePort({ loop, linux, fd: control, onEnd: () => {} }, server.handlers())
  using caller = new FilesCaller({ loop, linux }, ourControl, ourClients)
  const [theirs, fd] = linux.socketPair()
  caller.sendClient(42, theirs)
  const wanted = { attachName: "tree", access: "write", tree: { kind: "state", name: "x" } } as const
  caller.call(FILES.serve, { client: 42, trees: [wanted] as never })
  const turn = () => {
    loop.after(0, () => loop.stop())
    loop.run()
  }
  const client = new NinepClient({ ...socketTransport(linux, fd), wait: turn }, 8192)
  assert.throws(
    () => client.attach(0, "tree", 1000),
    ({ message }: Error) => faultyClient(message) === 42 && message.endsWith(": no such node"),
  )
})

test("words are about a client, or about none", () => {
  assert.equal(faultyClient(`status 1; it said last: ${faultWords(7, "why")}`), 7)
  assert.equal(faultyClient(JSON.stringify(faultWords(0xffff_ffff, 'a "b"'))), 0xffff_ffff)
  for (const words of ["", "it was ended by SIGKILL", "a request of client x met a mistake of this server"]) {
    assert.equal(faultyClient(words), undefined)
  }
})
