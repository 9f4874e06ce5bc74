import assert from "node:assert/strict"
import { test } from "node:test"
import { fileTreeConformance, type TreeTarget } from "../../conformance/index.ts"
import { named } from "../../conformance/scene.ts"
import { sessionConformance } from "../../conformance/session.ts"
import { MemoryTree } from "./memory-tree.ts"

const now = () => BigInt(Date.now()) * 1_000_000n
const openTree = (mostBytes: number) => ({
  tree: new MemoryTree({ now, mostBytes, uid: 1000, gid: 1000 }),
  [Symbol.dispose]() {
    assert.equal(this.tree.holds, 0, "nodes that nobody released")
  },
})

const target: TreeTarget = { open: () => openTree(2 ** 30), openSmall: openTree }
fileTreeConformance("memory", target)
sessionConformance("memory", target)

test("what was removed is gone with the last who holds it", () => {
  const { tree } = openTree(100_000)
  const root = tree.root()
  const mode = { read: true, write: true, append: false, truncate: false, exclusive: true }
  const open = tree.create(root, named("f"), mode, 0o644)
  tree.write(open, Buffer.alloc(50_000), 0)
  tree.remove(root, named("f"), "other")
  const { freeBlocks } = tree.space()
  const { id } = open.node
  assert.equal(tree.reclaim(id, []), open.node)
  tree.release(open.node)
  tree.close()
  tree.release(open.node)
  assert.ok(tree.space().freeBlocks > freeBlocks)
  assert.throws(() => tree.reclaim(id, []), { code: "ESTALE" })
})
