import { Worker } from "node:worker_threads"
import type { Linux } from "@skerry/linux"
import { Loop, Port, type PortHandler, servePort } from "@skerry/loop"
import {
  CallFailure,
  type CallState,
  describeFailure,
  encodeCall,
  mountTree,
  synchroniseTrees,
  unmountTree,
} from "@skerry/rpc"
import { treeHandlers } from "./tree-handlers.ts"

/*
 * Trees have a thread of their own. The agent looks for programs and starts them in directories, and waits in the kernel
 * meanwhile: were these in a tree that the same thread serves, it would wait for itself.
 */

const METHODS = [mountTree.id, unmountTree.id, synchroniseTrees.id]

/** What the thread is given. */
export interface TreeThread {
  /** Its end of a socket, by which it is called. */
  readonly treeSocket: number
  /** As chown has it. */
  readonly owner: string
}

export function isTreeThread(untrusted: unknown): untrusted is TreeThread {
  return typeof untrusted === "object" && untrusted !== null && "treeSocket" in untrusted
}

/**
 * Starts the thread from `program`, which calls runTreeThread() in it, and waits until it serves: a clone must not find it
 * half started. What is returned passes calls on to it.
 */
export function startTreeThread(
  { loop, linux }: { readonly loop: Loop; readonly linux: Linux },
  program: string,
  owner: string,
): readonly PortHandler[] {
  const [ours, theirs] = linux.socketPair()
  const workerData: TreeThread = { treeSocket: theirs, owner }
  new Worker(program, { workerData })
  const thread = new Port({ loop, linux, fd: ours, onEnd: () => {} })
  // The process's end waits for its threads', which this is the sign for.
  process.once("exit", () => thread.close())
  const first = thread.calls.call()
  first.listen({ onEvent: () => {}, onCancel: () => {}, onEnd: () => loop.stop() })
  first.open(encodeCall(synchroniseTrees, undefined))
  loop.run()
  return METHODS.map((id) => ({ id, start: (call, params) => passOn(id, call, params, thread) }))
}

/** Serves trees until the other thread ends. */
export function runTreeThread(linux: Linux, { treeSocket, owner }: TreeThread): void {
  const loop = new Loop(linux, () => performance.now())
  servePort({ loop, linux, fd: treeSocket, onEnd: () => loop.stop() }, treeHandlers({ loop, linux, owner }))
  loop.run()
}

/** At level `process`: the kernel is the host's. */
export function noTrees(): readonly PortHandler[] {
  return METHODS.map((id) => ({
    id,
    start(call) {
      call.listen({ onEvent: () => {}, onCancel: () => {}, onEnd: () => {} })
      const failure = new CallFailure("unsupported", "This domain's kernel is the host's: it mounts no trees")
      call.finish("fail", describeFailure(failure))
    },
  }))
}

function passOn(id: number, call: CallState, params: Uint8Array, thread: Port): void {
  const onward = thread.calls.call()
  onward.listen({
    onEvent: () => {},
    onCancel: () => {},
    onEnd: (type, bytes) => {
      if (!call.isOver) call.finish(type, Buffer.from(bytes))
    },
  })
  call.listen({ onEvent: () => {}, onCancel: () => {}, onEnd: () => {} })
  onward.open(Buffer.concat([Uint8Array.of(id & 0xff, id >> 8), params]))
}
