import assert from "node:assert/strict"
import { test } from "node:test"
import { ImageError } from "./errors.ts"
import { moduleOrder, parseBuiltIn, parseModinfo } from "./modules.ts"

const modinfo = (file: string, ...fields: string[]) =>
  parseModinfo(file, Buffer.from(`\x7fELF…\0${fields.join("\0")}\0…`, "latin1"))

const CRC = modinfo("crc32c_generic.ko", "alias=crypto-crc32c", "alias=crc32c", "depends=")
const LIBCRC = modinfo("libcrc32c.ko", "softdep=pre: crc32c", "depends=")
const EROFS = modinfo("erofs.ko", "alias=fs-erofs", "depends=libcrc32c")
const RNG = modinfo("virtio-rng.ko", "depends=rng-core")

test("a module comes after what it depends on, and after the aliases that it asks for", () => {
  const built = parseBuiltIn("kernel/drivers/char/hw_random/rng-core.ko\n")
  const expected = ["crc32c_generic", "libcrc32c", "erofs", "virtio_rng"]
  assert.deepEqual(moduleOrder([EROFS, RNG, LIBCRC, CRC], built), expected)
  assert.deepEqual(moduleOrder([CRC, LIBCRC, EROFS, RNG], built), expected)
})

test("a dependency that is neither there nor built in is an error that names both", () => {
  assert.throws(
    () => moduleOrder([EROFS], new Set()),
    (error) =>
      error instanceof ImageError && error.code === "bad-input" && /erofs.*libcrc32c/.test(error.message),
  )
})

test("a circle of dependencies is an error", () => {
  const a = modinfo("a.ko", "depends=b")
  const b = modinfo("b.ko", "depends=a")
  assert.throws(() => moduleOrder([a, b], new Set()), /a needs b needs a/)
})
