import assert from "node:assert/strict"
import { TREE_LIMITS } from "../file-tree.ts"
import type { TreeTests } from "./index.ts"
import { expectCode, named, WRITE } from "./scene.ts"

/** Around where back ends cut files into chunks. */
const EDGES = [1, 4095, 4096, 4097, 65_536, 131_071, 131_072, 131_073, 262_144, 300_000] as const

const pattern = (bytes: number, seed: number): Buffer => {
  const result = Buffer.alloc(bytes)
  for (let at = 0; at < bytes; at++) result[at] = (at * 31 + (at >>> 8) * 7 + seed) & 0xff
  return result
}

/* What is in files. */
export const contentTests: TreeTests = {
  "what is written is read, whole and in parts, at any size"(scene) {
    for (const bytes of EDGES) {
      const content = pattern(bytes, bytes)
      const open = scene.create(scene.root, named(`f${bytes}`))
      assert.equal(scene.tree.write(open, content, 0), bytes)
      assert.equal(scene.size(open.node), bytes)
      const whole = Buffer.alloc(bytes + 10)
      assert.equal(readFully(scene, open, whole, 0), bytes)
      assert.ok(whole.subarray(0, bytes).equals(content))
      const middle = Buffer.alloc(Math.min(1000, bytes))
      const at = bytes - middle.length
      assert.equal(readFully(scene, open, middle, at), middle.length)
      assert.ok(middle.equals(content.subarray(at)))
    }
  },

  "writes of all sizes at all places give what they would in one buffer"(scene) {
    const open = scene.create(scene.root, named("f"))
    const model = Buffer.alloc(500_000)
    let size = 0
    let state = 12_345
    const random = (below: number) => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
      return Math.floor((state / 2 ** 32) * below)
    }
    for (let step = 0; step < 300; step++) {
      if (random(10) === 0) {
        const newSize = random(400_000)
        scene.tree.setAttributes(open.node, { size: newSize })
        if (newSize < size) model.fill(0, newSize, size)
        size = newSize
      } else {
        const bytes = pattern(1 + random(random(5) === 0 ? 100_000 : 3000), step)
        const offset = random(400_000)
        scene.tree.write(open, bytes, offset)
        model.set(bytes, offset)
        size = Math.max(size, offset + bytes.length)
      }
      if (step % 50 === 49) scene.tree.commit(step % 100 === 99)
    }
    assert.equal(scene.size(open.node), size)
    const read = Buffer.alloc(size)
    assert.equal(readFully(scene, open, read, 0), size)
    assert.ok(read.equals(model.subarray(0, size)))
  },

  "at the end and behind it there is nothing to read"(scene) {
    const file = scene.file(scene.root, "f", "12345")
    const open = scene.open(file)
    assert.equal(scene.readOpen(open, 4), "5")
    assert.equal(scene.readOpen(open, 5), "")
    assert.equal(scene.readOpen(open, 1_000_000), "")
    assert.equal(scene.readOpen(open, TREE_LIMITS.fileBytes - 1), "")
  },

  "what a write skips is zeros, and takes little room"(scene) {
    const open = scene.create(scene.root, named("f"))
    scene.write(open, "a", 0)
    scene.write(open, "b", 10_000_000)
    assert.equal(scene.size(open.node), 10_000_001)
    assert.equal(scene.readOpen(open, 9_999_990), `${"\0".repeat(10)}b`)
    assert.equal(scene.readOpen(open, 0, 10), `a${"\0".repeat(9)}`)
    scene.tree.commit(true)
    assert.ok(scene.tree.attributes(open.node).storedBytes < 1_000_000)
  },

  "a file that is cut and grown again has zeros where it was cut"(scene) {
    const file = scene.file(scene.root, "f", "x".repeat(200_000))
    scene.tree.setAttributes(file, { size: 70_000 })
    scene.tree.setAttributes(file, { size: 150_000 })
    const text = scene.content(file)
    assert.equal(text.length, 150_000)
    assert.equal(text.slice(69_990, 70_010), "xxxxxxxxxx\0\0\0\0\0\0\0\0\0\0")
    assert.ok(!text.slice(70_000).includes("x"))
    scene.tree.setAttributes(file, { size: 0 })
    assert.equal(scene.content(file), "")
  },

  "a size can be set to what no memory holds, and not to more than files have"(scene) {
    const file = scene.file(scene.root, "f", "start")
    scene.tree.setAttributes(file, { size: 1 << 30 })
    assert.equal(scene.size(file), 1 << 30)
    scene.tree.setAttributes(file, { size: 5 })
    assert.equal(scene.content(file), "start")
    expectCode(["EFBIG", "EINVAL"], () => scene.tree.setAttributes(file, { size: 2 ** 63 }))
    const open = scene.open(file, WRITE)
    expectCode(["EFBIG", "EINVAL"], () => scene.write(open, "x", TREE_LIMITS.fileBytes))
    assert.equal(scene.content(file), "start")
  },

  "only files have a size to be set"(scene) {
    expectCode("EISDIR", () => scene.tree.setAttributes(scene.root, { size: 0 }))
    const link = scene.keep(scene.tree.makeSymlink(scene.root, named("l"), "t"))
    expectCode(["EINVAL", "ELOOP"], () => scene.tree.setAttributes(link, { size: 0 }))
  },

  "appending goes to the end, wherever that is by now"(scene) {
    const file = scene.file(scene.root, "f", "one ")
    const appending = scene.open(file, { ...WRITE, append: true })
    const other = scene.open(file, WRITE)
    scene.write(appending, "two ", 0)
    scene.write(other, "three ", 8)
    scene.write(appending, "four", 2)
    assert.equal(scene.content(file), "one two three four")
  },

  "what one writes another reads at once"(scene) {
    const file = scene.file(scene.root, "f")
    const writer = scene.open(file, WRITE)
    const reader = scene.open(scene.walk(scene.root, "f"))
    scene.write(writer, "hello", 0)
    assert.equal(scene.readOpen(reader), "hello")
    scene.tree.setAttributes(file, { size: 4 })
    assert.equal(scene.readOpen(reader), "hell")
    scene.open(file, { ...WRITE, truncate: true })
    assert.equal(scene.readOpen(reader), "")
  },

  "the caller's bytes are its own again after a write"(scene) {
    for (const bytes of [10, 1000, 200_000]) {
      const open = scene.create(scene.root, named(`f${bytes}`))
      const content = Buffer.alloc(bytes, "a")
      scene.tree.write(open, content, 0)
      content.fill("b")
      scene.tree.commit(false)
      assert.equal(scene.readOpen(open), "a".repeat(bytes))
    }
  },

  "writing and making durable can be done again and again"(scene) {
    const open = scene.create(scene.root, named("f"))
    for (let step = 0; step < 20; step++) {
      scene.write(open, `${step % 10}`, step)
      const isNeeded = scene.tree.synchronise(open)
      scene.tree.commit(isNeeded)
    }
    assert.equal(scene.readOpen(open), "01234567890123456789")
  },
}

/** Reads to the end or until the target is full: a read may give less than was asked for. */
function readFully(
  scene: Parameters<TreeTests[string]>[0],
  open: ReturnType<typeof scene.open>,
  target: Buffer,
  offset: number,
): number {
  let done = 0
  while (done < target.length) {
    const count = scene.tree.read(open, target.subarray(done), offset + done)
    if (count === 0) break
    done += count
  }
  return done
}
