import assert from "node:assert/strict"
import { expectCode, named, type Scene } from "./scene.ts"

const NO_SPACE = ["ENOSPC", "EDQUOT"] as const
const PIECE_BYTES = 64 * 1024

/** Fills a tree; how many pieces it took. */
function fill(scene: Scene, name: string, most: number): number {
  const open = scene.create(scene.root, named(name))
  for (let piece = 0; piece < most; piece++) {
    const content = Buffer.alloc(PIECE_BYTES)
    // No two pieces alike, and none that could be pressed together.
    for (let at = 0, state = piece + 1; at < content.length; at += 4) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      content.writeUInt32LE(state, at)
    }
    try {
      scene.tree.write(open, content, piece * PIECE_BYTES)
    } catch (error) {
      expectCode(NO_SPACE, () => {
        throw error
      })
      return piece
    }
  }
  return most
}

/* What happens where there is no room: for back ends that have a bound of their own. */
export const smallTests: Readonly<Record<string, { bytes: number; act: (scene: Scene) => void }>> = {
  "a full tree takes no more, and loses nothing of what it has": {
    bytes: 1024 * 1024,
    act(scene) {
      const kept = scene.file(scene.root, "kept", "content")
      const pieces = fill(scene, "large", 100)
      assert.ok(pieces >= 8 && pieces <= 32, `${pieces} pieces of 64 KiB in 1 MiB`)
      const large = scene.walk(scene.root, "large")
      assert.equal(scene.size(large), pieces * PIECE_BYTES, "a refused write left something")
      assert.equal(scene.content(kept), "content")
      assert.deepEqual(scene.names(scene.root), ["kept", "large"])
    },
  },

  "what is removed from a full tree makes room": {
    bytes: 1024 * 1024,
    act(scene) {
      for (let round = 0; round < 5; round++) {
        const before = fill(scene, "large", 100)
        assert.ok(before >= 8, `${before} pieces in round ${round}`)
        scene.tree.setAttributes(scene.walk(scene.root, "large"), { size: 0 })
        scene.remove(scene.root, "large")
        scene.tree.commit(true)
      }
    },
  },
}
