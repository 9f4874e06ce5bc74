import assert from "node:assert/strict"
import { test } from "node:test"
import { NinepClient } from "../client/ninep-client.ts"
import * as op from "../client/operations.ts"
import * as more from "../client/operations-more.ts"
import { sessionTransport } from "../client/transport.ts"
import { OPEN } from "../codec/messages.ts"
import { FileError, type FileErrorCode } from "../file-tree.ts"
import { BufferPool } from "../server/buffer-pool.ts"
import { ServedTree } from "../server/served-tree.ts"
import { Session } from "../server/session.ts"
import type { TreeTarget } from "./scene.ts"

/** A client with its tree attached: the root is fid 0. */
export interface ConnectedClient {
  readonly session: Session
  readonly client: NinepClient
  /** The walk to a new fid. */
  walk(fid: number, ...names: readonly string[]): number
  expectCode(code: FileErrorCode, operation: op.Operation<unknown>): void
}

/** Connects another client to a tree. */
export function connect(
  served: ServedTree,
  {
    access = "write",
    messageBytes = 65_536,
    isAgain = false,
  }: { access?: "read" | "write"; messageBytes?: number; isAgain?: boolean } = {},
): ConnectedClient {
  const trees = new Map([["tree", { served, access }]])
  const session = new Session({ trees, pool: new BufferPool(), isAgain })
  const client = new NinepClient(sessionTransport(session), messageBytes)
  client.attach(0, "tree", 1000)
  let lastFid = 1_000_000
  return {
    session,
    client,
    walk(fid, ...names) {
      lastFid += 1
      assert.equal(client.call(op.walk(fid, lastFid, names)).length, names.length)
      return lastFid
    },
    expectCode(code, operation) {
      assert.throws(
        () => client.call(operation),
        (error) => error instanceof FileError && error.code === code,
        code,
      )
    },
  }
}

type SessionTest = (served: ServedTree) => void

const TEXT = Buffer.from("hello")
const READ_WRITE = OPEN.readWrite

function makeFile({ client, walk }: ConnectedClient, name: string, flags: number = READ_WRITE): number {
  const fid = walk(0)
  client.call(op.lcreate(fid, name, flags, 0o644))
  return fid
}

const tests: Readonly<Record<string, SessionTest>> = {
  "a file is made, written, found again and read by another client"(served) {
    const one = connect(served)
    const file = makeFile(one, "f")
    one.client.call(op.write(file, 0, TEXT))
    const two = connect(served)
    const found = two.walk(0, "f")
    two.client.call(op.lopen(found, 0))
    assert.equal(two.client.call(op.read(found, 0, 100)).toString(), "hello")
    one.client.call(op.write(file, 5, TEXT))
    assert.equal(two.client.call(op.getattr(found)).size, 10)
    assert.equal(two.client.call(op.read(found, 3, 100)).toString(), "lohello")
    one.session.close()
    assert.equal(two.client.call(op.read(found, 3, 100)).toString(), "lohello")
    two.session.close()
  },

  "a file that one client removes stays for another that has it open"(served) {
    const [one, two] = [connect(served), connect(served)]
    const file = makeFile(one, "f")
    one.client.call(op.write(file, 0, TEXT))
    const found = two.walk(0, "f")
    two.client.call(op.lopen(found, READ_WRITE))
    one.client.call(op.unlinkat(0, "f"))
    one.session.close()
    two.expectCode("ENOENT", op.walk(0, 9, ["f"]))
    assert.equal(two.client.call(op.read(found, 0, 10)).toString(), "hello")
    assert.equal(two.client.call(op.getattr(found)).links, 0)
    two.session.close()
  },

  "a walk of several names ends where one is missing, and makes no fid then"(served) {
    const one = connect(served)
    one.client.call(op.mkdir(0, "a", 0o755))
    one.client.call(op.mkdir(one.walk(0, "a"), "b", 0o755))
    assert.equal(one.client.call(op.walk(0, 9, ["a", "b", "c", "d"])).length, 2)
    one.expectCode("EBADF", op.getattr(9))
    one.expectCode("ENOENT", op.walk(0, 9, ["x", "b"]))
    assert.equal(one.client.call(op.walk(0, 9, ["a", "b"])).length, 2)
    const qid = one.client.call(op.getattr(9)).qid
    assert.equal(one.client.call(op.walk(9, 9, [])).length, 0)
    assert.equal(one.client.call(op.getattr(9)).qid.id, qid.id)
    one.session.close()
  },

  "a directory is read to the end, whatever room an answer has"(served) {
    const one = connect(served)
    for (let index = 0; index < 300; index++) one.client.call(op.clunk(makeFile(one, `file ${index}`)))
    for (const bytes of [64, 500, 60_000]) {
      const fid = one.walk(0)
      one.client.call(op.lopen(fid, 0))
      const names: string[] = []
      for (let offset = 0n; ; ) {
        const entries = one.client.call(op.readdir(fid, offset, bytes))
        if (entries.length === 0) break
        for (const { name } of entries) names.push(name)
        offset = entries.at(-1)?.offset ?? 0n
      }
      assert.deepEqual(names.slice(0, 2), [".", ".."])
      assert.equal(new Set(names).size, 302)
      assert.equal(names.length, 302)
      one.client.call(op.clunk(fid))
    }
    one.session.close()
  },

  "appending by two clients loses nothing"(served) {
    const [one, two] = [connect(served), connect(served)]
    one.client.call(op.clunk(makeFile(one, "f")))
    const fids = [one, two].map((each) => {
      const fid = each.walk(0, "f")
      each.client.call(op.lopen(fid, READ_WRITE | OPEN.append))
      return fid
    })
    for (let round = 0; round < 20; round++) {
      one.client.call(op.write(fids[0] ?? 0, 0, Buffer.from("a")))
      two.client.call(op.write(fids[1] ?? 0, 0, Buffer.from("b")))
    }
    assert.equal(one.client.call(op.read(fids[0] ?? 0, 0, 100)).toString(), "ab".repeat(20))
    one.session.close()
    two.session.close()
  },

  "an extended attribute is set when its fid ends, if it was written whole"(served) {
    const one = connect(served)
    one.client.call(op.clunk(makeFile(one, "f")))
    const set = (value: string, bytes: number, flags: number) => {
      const fid = one.walk(0, "f")
      one.client.call(more.xattrcreate(fid, "user.x", bytes, flags))
      if (value !== "") one.client.call(op.write(fid, 0, Buffer.from(value)))
      return op.clunk(fid)
    }
    const file = one.walk(0, "f")
    one.client.call(set("value", 5, 0))
    one.expectCode("EINVAL", set("val", 5, 0))
    one.expectCode("EEXIST", set("other", 5, 1))
    assert.equal(one.client.call(more.xattrwalk(file, 9, "user.x")), 5)
    assert.equal(one.client.call(op.read(9, 0, 100)).toString(), "value")
    assert.equal(one.client.call(op.read(9, 3, 100)).toString(), "ue")
    one.client.call(op.clunk(9))
    assert.equal(one.client.call(more.xattrwalk(file, 9, "")), 7)
    assert.equal(one.client.call(op.read(9, 0, 100)).toString(), "user.x\0")
    one.client.call(op.clunk(9))
    one.client.call(set("", 0, 2))
    one.expectCode("ENODATA", more.xattrwalk(file, 9, "user.x"))
    one.expectCode("ENODATA", set("", 0, 2))
    one.expectCode("EOPNOTSUPP", more.xattrwalk(file, 9, "security.capability"))
    one.session.close()
  },

  "who may only read changes nothing"(served) {
    const writer = connect(served)
    writer.client.call(op.clunk(makeFile(writer, "f")))
    writer.client.call(op.mkdir(0, "d", 0o755))
    const reader = connect(served, { access: "read" })
    const file = reader.walk(0, "f")
    const changes: op.Operation<unknown>[] = [
      op.lopen(file, OPEN.writeOnly),
      op.lopen(file, READ_WRITE),
      op.lopen(file, OPEN.truncate),
      op.lcreate(0, "new", 0, 0o644),
      op.mkdir(0, "new", 0o755),
      op.symlink(0, "new", "f"),
      op.mknod(0, "new", 0o100644),
      op.link(0, file, "new"),
      op.renameat(0, "f", 0, "g"),
      op.rename(file, 0, "g"),
      op.unlinkat(0, "f"),
      op.unlinkat(0, "d", true),
      op.setattr(file, { mode: 0o777 }),
      op.setattr(file, { accessTime: "now" }),
      more.xattrcreate(file, "user.x", 0, 0),
    ]
    for (const change of changes) reader.expectCode("EROFS", change)
    reader.client.call(op.lopen(file, 0))
    reader.expectCode("EBADF", op.write(file, 0, TEXT))
    assert.equal(reader.client.call(op.read(file, 0, 10)).length, 0)
    reader.expectCode("EROFS", op.remove(file))
    reader.session.close()
    assert.equal(writer.walk(0, "f") > 0, true)
    writer.session.close()
  },

  "what was held is claimed again from a new session"(served) {
    const before = connect(served)
    before.client.call(op.mkdir(0, "d", 0o755))
    const file = before.walk(0, "d")
    before.client.call(op.lcreate(file, "f", READ_WRITE | OPEN.exclusive | OPEN.truncate, 0o644))
    before.client.call(op.write(file, 0, TEXT))
    const { id } = before.client.call(op.getattr(file)).qid
    const after = connect(served)
    const names = ["d", "f"]
    const flags = OPEN.readWrite | OPEN.truncate | OPEN.create | OPEN.exclusive
    assert.equal(after.client.call(more.reclaim({ fid: 0, newFid: 7, id, flags, names })).id, id)
    assert.equal(after.client.call(op.read(7, 0, 10)).toString(), "hello")
    after.client.call(op.write(7, 5, TEXT))
    after.client.call(more.reclaim({ fid: 0, newFid: 8, id, flags: undefined, names }))
    assert.equal(after.client.call(op.getattr(8)).size, 10)
    after.expectCode("ESTALE", more.reclaim({ fid: 0, newFid: 9, id: id + 99n, flags: undefined, names }))
    before.session.close()
    after.session.close()
  },
}

/** What clients see of a back end through the protocol. */
export function sessionConformance(name: string, target: TreeTarget): void {
  for (const [title, act] of Object.entries(tests)) {
    test(`${name} over 9P: ${title}`, () => {
      using fixture = target.open()
      act(new ServedTree(fixture.tree))
    })
  }
}
