import assert from "node:assert/strict"
import { randomBytes } from "node:crypto"
import { test } from "node:test"
import type { Digest } from "@skerry/model"
import { type Collection, OBJECT_LIMITS, type ObjectStore, StoreError } from "../object-store.ts"

/** A place where a store is kept; each test has one of its own. */
export interface StorePlace extends Disposable {
  /** Opens it; what an earlier opening committed is there. */
  open(limitBytes?: number): ObjectStore
}

/** What every ObjectStore promises. */
export function objectStoreConformance(name: string, makePlace: () => StorePlace): void {
  const storeTest = (title: string, body: (store: ObjectStore, place: StorePlace) => void) =>
    test(`${name}: ${title}`, () => {
      using place = makePlace()
      using store = place.open()
      body(store, place)
    })

  storeTest("what is put comes back, of either kind, of any size and however compressible", (store) => {
    for (const bytes of [0, 1, 511, 512, 1024, 1025, 4096, 65_537, 131_072, OBJECT_LIMITS.objectBytes]) {
      for (const content of [randomBytes(bytes), Buffer.alloc(bytes, "text that repeats. ")]) {
        for (const kind of ["chunk", "node"] as const) {
          const digest = store.put(kind, content)
          assert.deepEqual(Buffer.from(store.get(kind, digest)), content)
          assert.equal(store.has(kind, digest), true)
          if (bytes > 0) assert.ok(store.storedBytes(kind, digest) > 0)
        }
      }
    }
  })

  storeTest("an object is limited", (store) => {
    assert.throws(() => store.put("chunk", Buffer.alloc(OBJECT_LIMITS.objectBytes + 1)), RangeError)
  })

  storeTest("digests are those of every store: SHA-256 over a letter and the content", (store) => {
    assert.equal(store.put("chunk", Buffer.from("hello")), DIGEST_OF_CHUNK_HELLO)
    assert.notEqual(store.put("node", Buffer.from("hello")), DIGEST_OF_CHUNK_HELLO)
  })

  storeTest("what the caller does with the buffer afterwards changes nothing", (store) => {
    for (const bytes of [100, 100_000]) {
      const content = randomBytes(bytes)
      const expected = Buffer.from(content)
      const digest = store.put("node", content)
      content.fill(0)
      assert.deepEqual(Buffer.from(store.get("node", digest)), expected)
    }
  })

  storeTest("what is not there is damage, and takes no space", (store) => {
    const digest = store.put("chunk", randomBytes(10))
    assert.equal(store.has("node", digest), false)
    assert.equal(store.storedBytes("node", digest), 0)
    assert.throws(() => store.get("node", digest), hasCode("damaged"))
  })

  storeTest("the same content is kept once", (store) => {
    const content = randomBytes(100_000)
    store.put("chunk", content)
    const { storedBytes, objects } = store.space()
    store.put("chunk", content)
    assert.deepEqual([store.space().storedBytes, store.space().objects], [storedBytes, objects])
  })

  storeTest("records are there together after a commit, with the objects before it", (store, place) => {
    const node = store.put("node", Buffer.from("node"))
    const chunk = store.put("chunk", randomBytes(50_000))
    const empty = new Uint8Array(0)
    store.commit(
      new Map([
        ["tree/b", Buffer.from("1")],
        ["tree/a", empty],
        ["other", randomBytes(9000)],
      ]),
    )
    store.commit(
      new Map<string, Uint8Array | undefined>([
        ["other", undefined],
        ["tree/b", Buffer.from("2")],
      ]),
    )
    store[Symbol.dispose]()
    using again = place.open()
    assert.deepEqual(again.records(""), ["tree/a", "tree/b"])
    assert.deepEqual(again.records("tree/b"), ["tree/b"])
    assert.deepEqual(again.records("x"), [])
    assert.deepEqual(Buffer.from(again.record("tree/b") ?? "none"), Buffer.from("2"))
    assert.equal(again.record("tree/a")?.length, 0)
    assert.equal(again.record("other"), undefined)
    assert.equal(Buffer.from(again.get("node", node)).toString(), "node")
    assert.equal(again.get("chunk", chunk).length, 50_000)
  })

  storeTest("the name of a record is limited, and a commit with a longer one changes nothing", (store) => {
    const longest = "ü".repeat(OBJECT_LIMITS.recordNameBytes / 2)
    store.commit(new Map([[longest, Buffer.from("x")]]))
    assert.deepEqual(store.records("ü"), [longest])
    const records = new Map([
      ["a", Buffer.from("a")],
      [`${longest}x`, Buffer.from("x")],
    ])
    assert.throws(() => store.commit(records), RangeError)
    assert.equal(store.record("a"), undefined)
  })

  storeTest("what is sealed opens in its context alone, and not when it was altered", (store, place) => {
    const plain = Buffer.from("what the journal says")
    const sealed = store.seal("journal 1", plain)
    assert.equal(Buffer.from(sealed).includes(plain), false)
    assert.deepEqual(Buffer.from(store.open("journal 1", sealed) ?? "none"), plain)
    assert.equal(store.open("journal 2", sealed), undefined)
    for (let length = 0; length < sealed.length; length++) {
      assert.equal(store.open("journal 1", sealed.subarray(0, length)), undefined)
      const altered = Uint8Array.from(sealed)
      altered[length] = (altered[length] ?? 0) ^ 4
      assert.equal(store.open("journal 1", altered), undefined)
    }
    assert.notDeepEqual(store.seal("journal 1", plain), sealed)
    store[Symbol.dispose]()
    using again = place.open()
    assert.deepEqual(Buffer.from(again.open("journal 1", sealed) ?? "none"), plain)
  })

  storeTest(
    "a collection removes what was neither marked nor put since, and nothing else",
    (store, place) => {
      const contents = Array.from({ length: 60 }, (_, index) => randomBytes(index % 2 === 0 ? 300 : 9000))
      const digests = contents.map((content) => store.put("chunk", content))
      const nodes = contents.map((content) => store.put("node", content))
      store.commit(new Map())
      const before = store.space().storedBytes
      const collection = store.beginCollection()
      for (const digest of digests.slice(0, 20)) collection.mark("chunk", digest)
      for (const digest of nodes.slice(0, 10)) collection.mark("node", digest)
      const fresh = store.put("chunk", randomBytes(5000))
      const again = store.put("chunk", contents[30] ?? Buffer.alloc(0))
      const { removed, freedBytes } = sweepAll(collection, 7)
      assert.ok(removed >= 87 && removed <= 89, `${removed} removed`) // a few look live and are kept: a Bloom filter
      assert.ok(freedBytes > 0 && store.space().storedBytes <= before + 10_000)
      for (const digest of [...digests.slice(0, 20), fresh, again]) assert.ok(store.get("chunk", digest))
      for (const digest of nodes.slice(0, 10)) assert.ok(store.get("node", digest))
      assert.ok(digests.slice(20).filter((digest) => store.has("chunk", digest)).length <= 3)
      const back = store.put("chunk", contents[40] ?? Buffer.alloc(0))
      assert.deepEqual(Buffer.from(store.get("chunk", back)), contents[40])
      store[Symbol.dispose]()
      using later = place.open()
      for (const digest of [...digests.slice(0, 20), fresh, again, back])
        assert.ok(later.get("chunk", digest))
      assert.deepEqual(verifyAll(later, 10).damage, [])
    },
  )

  storeTest("a collection that another one followed sweeps nothing", (store) => {
    const digest = store.put("chunk", randomBytes(10))
    store.commit(new Map())
    const first = store.beginCollection()
    const second = store.beginCollection()
    second.mark("chunk", digest)
    assert.deepEqual(first.sweep(100), { isDone: true, removed: 0, freedBytes: 0 })
    assert.equal(sweepAll(second, 100).removed, 0)
    assert.ok(store.has("chunk", digest))
  })

  storeTest("verifying looks at each object once, however many at a time", (store) => {
    for (let index = 0; index < 25; index++)
      store.put(index % 2 === 0 ? "chunk" : "node", randomBytes(10 + index))
    for (const most of [1, 5, 7, 13, 25, 100])
      assert.deepEqual(verifyAll(store, most), { checked: 25, damage: [] })
  })

  test(`${name}: where its bound is reached nothing more is kept, and a collection makes room`, () => {
    using place = makePlace()
    using store = place.open(1_000_000)
    const kept: Digest[] = []
    const full = () => {
      while (true) kept.push(store.put("chunk", randomBytes(100_000)))
    }
    assert.throws(full, hasCode("no-space"))
    assert.ok(kept.length >= 5 && kept.length <= 10, `${kept.length} kept`)
    const content = randomBytes(200_000)
    const { objects } = store.space()
    assert.throws(() => store.put("chunk", content), hasCode("no-space"))
    assert.equal(store.space().objects, objects)
    for (const digest of kept) assert.equal(store.get("chunk", digest).length, 100_000)
    store.commit(new Map([["record", Buffer.from("kept all the same")]]))
    assert.ok(sweepAll(store.beginCollection(), 100).removed >= kept.length - 1)
    assert.equal(store.get("chunk", store.put("chunk", content)).length, 200_000)
  })
}

/** printf chello | sha256sum */
const DIGEST_OF_CHUNK_HELLO = "sha256:a1d9f8c144308abb8afc916aa43239eb80607ddf588a51e91ef769639412f629"

export const hasCode = (code: string) => (error: unknown) =>
  error instanceof StoreError && error.code === code

export function sweepAll(collection: Collection, most: number) {
  let removed = 0
  let freedBytes = 0
  while (true) {
    const part = collection.sweep(most)
    removed += part.removed
    freedBytes += part.freedBytes
    if (part.isDone) return { removed, freedBytes }
  }
}

export function verifyAll(store: ObjectStore, most: number) {
  let checked = 0
  let cursor: string | undefined
  const damage = []
  do {
    const part = store.verify(cursor, most)
    checked += part.checked
    damage.push(...part.damage)
    cursor = part.cursor
  } while (cursor !== undefined)
  return { checked, damage }
}
