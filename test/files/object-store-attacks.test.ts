import assert from "node:assert/strict"
import { hash, randomBytes } from "node:crypto"
import { cpSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import type { Digest } from "@skerry/model"
import {
  type ObjectKind,
  type ObjectStore,
  StoreError,
  type StoreKey,
} from "../../packages/files/src/store/object-store.ts"
import { digestOf } from "../../packages/files/src/store/objects/digest-of.ts"
import { diskPlace, openTestStore } from "../../packages/files/src/store/testing/disk-store.ts"
import {
  hasCode,
  sweepAll,
  verifyAll,
} from "../../packages/files/src/store/testing/object-store-conformance.ts"

const passphrase = (text: string): StoreKey => ({ kind: "passphrase", passphrase: text })

/** A small closed store and what is in it. */
function filledStore(directory: string) {
  const contents: { kind: ObjectKind; digest: Digest; content: Buffer }[] = []
  {
    using store = openTestStore(directory, { segmentBytes: 64 * 1024 })
    const put = (kind: ObjectKind, content: Buffer) =>
      contents.push({ kind, digest: store.put(kind, content), content })
    for (let index = 0; index < 40; index++) {
      put("chunk", randomBytes(index % 3 === 0 ? 12_000 : 200))
      put("node", Buffer.alloc(700 + index * 150, `node ${index} `))
      if (index % 10 === 9) store.commit(new Map([[`record ${index}`, Buffer.from(`value ${index}`)]]))
    }
    const collection = store.beginCollection()
    for (const { kind, digest } of contents.slice(10)) collection.mark(kind, digest)
    sweepAll(collection, 20)
    contents.splice(0, 10)
  }
  return contents
}

/** All of a store's bytes on disk, but for its locks, which hold nothing. */
function filesBelow(directory: string): { path: string; bytes: number }[] {
  const names = readdirSync(directory, { recursive: true, encoding: "utf8" })
  return names
    .filter((name) => !name.endsWith("lock"))
    .map((name) => join(directory, name))
    .filter((path) => statSync(path).isFile())
    .map((path) => ({ path, bytes: statSync(path).size }))
}

/** Whatever was done to the store: each object is what it was, or said to be damaged, and so is the store. */
function reads(directory: string, contents: ReturnType<typeof filledStore>): "refused" | "damaged" | "whole" {
  let store: ObjectStore
  try {
    store = openTestStore(directory, { create: false, segmentBytes: 64 * 1024 })
  } catch (error) {
    assert.ok(error instanceof StoreError, String(error))
    assert.ok(["damaged", "wrong-key", "too-new", "not-a-store"].includes(error.code), error.message)
    return "refused"
  }
  using _ = store
  const lost: string[] = []
  for (const { kind, digest, content } of contents) {
    try {
      assert.deepEqual(Buffer.from(store.get(kind, digest)), content)
    } catch (error) {
      if (!hasCode("damaged")(error)) throw error
      lost.push(digest)
    }
  }
  const { damage } = verifyAll(store, 17)
  // Where the digest itself was hit, another one is named, and the right one is missing.
  for (const { digest } of damage) {
    const wasThere = contents.some((each) => each.digest === digest)
    assert.ok(!wasThere || lost.includes(digest), `${digest} can be read`)
  }
  for (const name of store.records(""))
    assert.equal(String(store.record(name)), name.replace("record", "value"))
  return lost.length > 0 || store.records("").length !== 4 ? "damaged" : "whole"
}

test("a store cut off anywhere is refused, or says what is lost", () => {
  using place = diskPlace()
  const contents = filledStore(place.directory)
  assert.equal(reads(place.directory, contents), "whole")
  const copy = `${place.directory}-cut`
  for (const { path, bytes } of filesBelow(place.directory)) {
    for (const part of [0, 1, bytes >> 3, bytes >> 2, bytes >> 1, bytes - 4097, bytes - 4096, bytes - 1]) {
      if (part < 0) continue
      cpSync(place.directory, copy, { recursive: true })
      truncateSync(path.replace(place.directory, copy), part)
      // An index that ends in free pages has lost nothing; a segment may end in what a collection removed.
      const result = reads(copy, contents)
      if (part < bytes >> 2 && !path.endsWith(".segment"))
        assert.equal(result, "refused", `${path} at ${part}`)
      rmSync(copy, { recursive: true })
    }
  }
})

test("a bit that flips anywhere is found, and never gives other content", () => {
  using place = diskPlace()
  const contents = filledStore(place.directory)
  const seen = { refused: 0, damaged: 0, whole: 0 }
  const copy = `${place.directory}-flipped`
  for (const { path, bytes } of filesBelow(place.directory)) {
    const original = readFileSync(path)
    const isTable = path.endsWith(".mdb")
    const steps = path.endsWith("keys") ? 60 : isTable ? 200 : 20
    for (let step = 0; step < steps; step++) {
      const flipped = Buffer.from(original)
      const at = isTable ? randomAt(step, bytes) : Math.floor((step * bytes) / steps)
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (step % 8))
      cpSync(place.directory, copy, { recursive: true })
      writeFileSync(path.replace(place.directory, copy), flipped)
      seen[reads(copy, contents)] += 1
      rmSync(copy, { recursive: true })
    }
  }
  assert.ok(seen.refused > 100 && seen.damaged > 40, JSON.stringify(seen))
})

/** Meta pages in full, then places all over the file. */
const randomAt = (step: number, bytes: number) =>
  step < 144 ? ((step % 72) * 2 + 24 + (step < 72 ? 0 : 4096)) % bytes : (step * 7919 * 4093) % bytes

test("nothing of contents, digests or names can be read without the key", () => {
  using place = diskPlace()
  const secret = Buffer.from("the quick brown fox jumps over the lazy dog")
  const digests: Digest[] = []
  {
    using store = openTestStore(place.directory)
    for (const kind of ["chunk", "node"] as const) {
      digests.push(store.put(kind, secret), store.put(kind, Buffer.concat([secret, randomBytes(10_000)])))
    }
    store.commit(new Map([["name of a record", secret]]))
  }
  const all = Buffer.concat(filesBelow(place.directory).map(({ path }) => readFileSync(path)))
  for (const plain of [
    secret,
    Buffer.from("name of"),
    ...digests.map((digest) => Buffer.from(digest.slice(7), "hex")),
  ]) {
    assert.equal(all.includes(plain.subarray(0, 8)), false)
  }
})

test("a store of a later format is refused in words", () => {
  using place = diskPlace()
  filledStore(place.directory)
  const path = join(place.directory, "keys")
  const line = (readFileSync(path, "utf8").split("\n")[0] ?? "").replace('"format":1', '"format":2')
  writeFileSync(path, `${line}\n${hash("sha256", line)}\n`)
  assert.throws(
    () => place.open(),
    (error) =>
      hasCode("too-new")(error) && /has format 2, and this version of Skerry knows 1/.test(String(error)),
  )
})

test("a file of keys cannot ask for all of the memory", () => {
  using place = diskPlace()
  openTestStore(place.directory, { key: passphrase("right") })[Symbol.dispose]()
  const path = join(place.directory, "keys")
  const line = (readFileSync(path, "utf8").split("\n")[0] ?? "").replace(
    /"memoryKiB":\d+/,
    '"memoryKiB":99999999',
  )
  writeFileSync(path, `${line}\n${hash("sha256", line)}\n`)
  assert.throws(() => openTestStore(place.directory, { key: passphrase("right") }), hasCode("damaged"))
})

test("another passphrase, another key file, or one for the other opens nothing", () => {
  using place = diskPlace()
  const open = (key: StoreKey) => openTestStore(place.directory, { key })
  open(passphrase("right"))[Symbol.dispose]()
  const fileKey: StoreKey = { kind: "key-file", bytes: randomBytes(64) }
  for (const key of [passphrase("wrong"), passphrase(""), fileKey])
    assert.throws(() => open(key), hasCode("wrong-key"))
  {
    using store = open(passphrase("right"))
    assert.throws(() => store.changeKey(passphrase("wrong"), fileKey), hasCode("wrong-key"))
    store.commit(new Map([["a", Buffer.from("kept")]]))
    store.changeKey(passphrase("right"), fileKey)
  }
  assert.throws(() => open(passphrase("right")), hasCode("wrong-key"))
  assert.throws(() => open({ kind: "key-file", bytes: randomBytes(31) }), hasCode("wrong-key"))
  using store = open(fileKey)
  assert.equal(String(store.record("a")), "kept")
})

test("a store is open once", () => {
  using place = diskPlace()
  const first = place.open()
  assert.throws(() => place.open(), hasCode("locked-out"))
  first[Symbol.dispose]()
  place.open()[Symbol.dispose]()
})

test("where there is no store none is opened, and none is made over other files", () => {
  using place = diskPlace()
  assert.throws(() => openTestStore(place.directory, { create: false }), hasCode("not-a-store"))
  filledStore(place.directory)
  rmSync(join(place.directory, "keys"))
  assert.throws(() => place.open(), hasCode("not-a-store"))
  rmSync(place.directory, { recursive: true })
  cpSync(import.meta.dirname, place.directory, { recursive: true })
  assert.throws(() => place.open(), hasCode("not-a-store"))
})

test("a segment that is gone is damage of what was in it", () => {
  using place = diskPlace()
  const contents = filledStore(place.directory)
  const segments = join(place.directory, "segments")
  rmSync(join(segments, readdirSync(segments)[1] ?? ""))
  assert.equal(reads(place.directory, contents), "damaged")
  using store = place.open()
  const digest = store.put("chunk", randomBytes(20_000))
  assert.equal(store.get("chunk", digest).length, 20_000)
})

test("an object that was found damaged is mended by putting it again", () => {
  using place = diskPlace()
  const content = randomBytes(20_000)
  {
    using store = place.open()
    store.put("chunk", content)
    store.put("chunk", randomBytes(500))
  }
  const path = join(place.directory, "segments", "00000001.segment")
  const bytes = readFileSync(path)
  bytes[5000] = (bytes[5000] ?? 0) ^ 1
  writeFileSync(path, bytes)
  {
    using store = place.open()
    const digest = digestOf("chunk", content)
    assert.deepEqual(
      verifyAll(store, 10).damage.map((each) => each.digest),
      [digest],
    )
    assert.equal(store.has("chunk", digest), false)
    assert.throws(() => store.get("chunk", digest), hasCode("damaged"))
    assert.equal(store.put("chunk", content), digest)
    assert.deepEqual(Buffer.from(store.get("chunk", digest)), content)
    assert.deepEqual(verifyAll(store, 10), { checked: 2, damage: [] })
    assert.equal(store.space().objects, 2)
  }
  using store = place.open()
  assert.deepEqual(verifyAll(store, 10), { checked: 2, damage: [] })
})
