import assert from "node:assert/strict"
import { test } from "node:test"
import { ImageError } from "./errors.ts"
import { checkKernelElf, findPayload } from "./kernel.ts"

function bzImage(payload: Buffer, length = payload.length): Buffer {
  const image = Buffer.alloc(5 * 512 + 16 + payload.length)
  image[0x1f1] = 4
  image.write("HdrS", 0x202, "latin1")
  image.writeUInt16LE(0x020f, 0x206)
  image.writeUInt32LE(16, 0x248)
  image.writeUInt32LE(length, 0x24c)
  payload.copy(image, 5 * 512 + 16)
  return image
}

const XZ = Buffer.from("fd377a585a00aabbccdd04000000", "hex")

test("the payload is found, without the length that stands behind it", () => {
  const found = findPayload(bzImage(XZ))
  assert.equal(found.compression, "xz")
  assert.deepEqual(found.bytes, XZ.subarray(0, -4))
})

test("what is no kernel image is refused, and so is a payload outside of it", () => {
  const isBad = (error: unknown) => error instanceof ImageError && error.code === "bad-input"
  assert.throws(() => findPayload(Buffer.alloc(100)), isBad)
  assert.throws(() => findPayload(Buffer.alloc(4096)), isBad)
  assert.throws(() => findPayload(bzImage(XZ, 1 << 20)), isBad)
  assert.throws(() => findPayload(bzImage(Buffer.alloc(32, 7))), isBad)
  assert.throws(() => checkKernelElf(Buffer.alloc(128)), isBad)
})
