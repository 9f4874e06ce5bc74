import assert from "node:assert/strict"
import { test } from "node:test"
import { NinepClient } from "../client/ninep-client.ts"
import * as op from "../client/operations.ts"
import { sessionTransport } from "../client/transport.ts"
import { NINEP_LIMITS } from "../codec/limits.ts"
import { FileError } from "../file-tree.ts"
import { BufferPool } from "./buffer-pool.ts"
import { FidBudget } from "./fid-budget.ts"
import { memoryTree } from "./scripted-client.ts"
import { ServedTree } from "./served-tree.ts"
import { Session } from "./session.ts"

/** Clients of one server, each of which takes as many fids as it gets. */
function openServer() {
  const tree = memoryTree()
  const served = new ServedTree(tree)
  const [pool, budget] = [new BufferPool(), new FidBudget()]
  const connect = () => {
    const session = new Session({ trees: new Map([["tree", { served, access: "write" }]]), pool, budget })
    const client = new NinepClient(sessionTransport(session), 64 * 1024)
    client.attach(0, "tree", 1000)
    const take = (most: number): number => {
      for (let fid = session.fids; fid < most; fid++) {
        try {
          client.call(op.walk(0, fid, []))
        } catch (error) {
          assert.ok(error instanceof FileError && error.code === "EMFILE", String(error))
          break
        }
      }
      return session.fids
    }
    return { session, take }
  }
  return { tree, connect }
}

test("a guest that is many clients takes no more of a server's memory than there is, and others find room", () => {
  const { tree, connect } = openServer()
  const greedy = Array.from({ length: 8 }, connect)
  let taken = 0
  for (const { take } of greedy) taken += take(Number.POSITIVE_INFINITY)
  assert.ok(taken <= NINEP_LIMITS.serverFids, `${taken} fids`)
  assert.ok((greedy[0]?.session.fids ?? 0) >= NINEP_LIMITS.fids - greedy.length)
  const other = connect()
  assert.ok(other.take(NINEP_LIMITS.ownFids) >= NINEP_LIMITS.ownFids)
  for (const { session } of greedy) session.close()
  assert.equal(other.take(5000), 5000)
  other.session.close()
  assert.equal(tree.holds, 0)
})

test("what one client has given back another can have, and not one more", () => {
  const budget = new FidBudget()
  budget.take(NINEP_LIMITS.serverFids - 2000)
  assert.equal(budget.hasRoom(1999), true)
  assert.equal(budget.hasRoom(2000), false)
  budget.take(-1)
  assert.equal(budget.hasRoom(2000), true)
  budget.take(2001)
  assert.equal(budget.hasRoom(NINEP_LIMITS.ownFids - 1), true)
  assert.equal(budget.hasRoom(NINEP_LIMITS.ownFids), false)
})
