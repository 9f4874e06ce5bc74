import { STATE_METHODS } from "@skerry/rpc"
import { Scene } from "../../conformance/scene.ts"
import { KEY_FILE, StateCaller } from "./state-caller.ts"

export const path = (text: string) => Buffer.from(text)
export const code = (expected: string) => (error: unknown) => (error as { code: string }).code === expected

/** A caller of a store that is made, and open. */
export function opened(): StateCaller {
  const caller = new StateCaller()
  caller.call(STATE_METHODS.stateUnlock, { key: KEY_FILE })
  return caller
}

/** Changes a tree as a client does. */
export function edit(caller: StateCaller, tree: string, act: (scene: Scene) => void): void {
  using scene = new Scene(caller.keeper.open.store.tree(tree))
  act(scene)
}
