import type { PortHandler } from "@skerry/loop"
import {
  CallFailure,
  type CallState,
  describeFailure,
  type Method,
  mountTree,
  synchroniseTrees,
  unmountTree,
} from "@skerry/rpc"
import { decode, encode } from "@skerry/wire"
import { TREE } from "./limits.ts"
import { SYNCHRONISE } from "./mount-script.ts"
import { MountedTree, type TreesHost } from "./mounted-tree.ts"
import { runScript } from "./run-script.ts"

type Done = (failure: CallFailure | undefined) => void

/** A method that is answered later, with nothing but how it went. */
function later<P>(
  method: Method<P, void, unknown, unknown>,
  act: (params: P, onDone: Done) => void,
): PortHandler {
  return {
    id: method.id,
    start(call: CallState, untrustedParams) {
      const params = decode(method.params, untrustedParams)
      call.listen({ onEvent: () => {}, onCancel: () => {}, onEnd: () => {} })
      const onDone: Done = (failure) => {
        if (call.isOver) return
        if (failure === undefined) call.finish("return", encode(method.result, undefined))
        else call.finish("fail", describeFailure(failure))
      }
      try {
        act(params, onDone)
      } catch (error) {
        call.finish("fail", describeFailure(error))
      }
    },
  }
}

/** The trees of one domain, by the names of their ports. */
export function treeHandlers(host: TreesHost): readonly PortHandler[] {
  const trees = new Map<string, MountedTree>()
  return [
    later(mountTree, (request, onDone) => {
      if (trees.has(request.port)) {
        throw new CallFailure("bad-place", `Port ${JSON.stringify(request.port)} has a tree already`)
      }
      const tree = new MountedTree(host, request)
      trees.set(request.port, tree)
      tree.mount((failure) => {
        if (failure !== undefined) trees.delete(request.port)
        onDone(failure)
      })
    }),
    later(unmountTree, ({ port }, onDone) => {
      const tree = trees.get(port)
      trees.delete(port)
      if (tree === undefined) onDone(undefined)
      else tree.unmount(() => onDone(undefined))
    }),
    later(synchroniseTrees, (_, onDone) => {
      if (trees.size === 0) return onDone(undefined)
      runScript(host, { script: SYNCHRONISE, args: [], stdin: undefined }, TREE.outageMs, () =>
        onDone(undefined),
      )
    }),
  ]
}
