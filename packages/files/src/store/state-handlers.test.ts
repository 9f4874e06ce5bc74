import assert from "node:assert/strict"
import { randomBytes } from "node:crypto"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import {
  type DamageRow,
  type DiffRow,
  STATE_METHODS as METHODS,
  type PruneRow,
  type TreeRow,
  type UsageRow,
  type VersionRow,
} from "@skerry/rpc"
import { named, Scene, WRITE } from "../conformance/scene.ts"
import { code, edit, opened, path } from "./testing/opened-store.ts"
import { dump } from "./testing/random-steps.ts"
import { KEY, KEY_FILE, StateCaller } from "./testing/state-caller.ts"

const NONE = { last: 0, hourly: 0, daily: 0, weekly: 0, monthly: 0, yearly: 0 }
const snapshot = (caller: StateCaller, tree: string, note = "") =>
  caller.call(METHODS.stateSnapshot, { tree, reason: "manual", note }).result

test("a store is absent, made, locked by a restart, and opened by its key alone", () => {
  using caller = new StateCaller()
  assert.equal(caller.call(METHODS.stateStatus, undefined).result.status, "absent")
  assert.throws(() => caller.call(METHODS.stateTrees, undefined), code("no-store"))
  caller.call(METHODS.stateUnlock, { key: KEY })
  assert.deepEqual(caller.call(METHODS.stateStatus, undefined).result.key, "passphrase")
  edit(caller, "mail", (scene) => scene.file(scene.root, "inbox", "hello"))
  caller.call(METHODS.stateSetKey, { present: KEY, next: KEY_FILE })
  caller.restart()
  assert.equal(caller.call(METHODS.stateStatus, undefined).result.status, "locked")
  assert.throws(() => caller.call(METHODS.stateTrees, undefined), code("locked"))
  assert.throws(() => caller.call(METHODS.stateUnlock, { key: KEY }), code("wrong-key"))
  caller.call(METHODS.stateUnlock, { key: KEY_FILE })
  const [row] = caller.rows<TreeRow, undefined, undefined, undefined, undefined>(
    METHODS.stateTrees,
    undefined,
  )
  assert.deepEqual([row?.tree, row?.files, row?.bytes, row?.versions, row?.clients], ["mail", 1, 5, 0, 0])
})

test("versions are kept, listed, compared, and gone back to", () => {
  using caller = opened()
  edit(caller, "mail", (scene) => {
    scene.file(scene.directory(scene.root, "d"), "old", "old")
    scene.file(scene.root, "same", "same")
  })
  const first = snapshot(caller, "mail", "the first")
  assert.equal(first.isNew, true)
  assert.equal(snapshot(caller, "mail").isNew, false)
  edit(caller, "mail", (scene) => {
    const directory = scene.walk(scene.root, "d")
    scene.write(scene.open(scene.walk(directory, "old"), WRITE), "new", 0)
    scene.file(directory, "more", "x")
    scene.remove(scene.root, "same")
  })
  const second = snapshot(caller, "mail")
  const diff = caller.rows<DiffRow, unknown, unknown, unknown, unknown>(METHODS.stateDiff as never, {
    tree: "mail",
    from: "1",
    to: "",
  })
  const changes = new Set(diff.map(({ change, path }) => `${change} ${path}`))
  assert.deepEqual(changes, new Set(["added d/more", "changed d/old", "removed same"]))
  const rolled = caller.call(METHODS.stateRollback, {
    tree: "mail",
    version: first.digest.slice(7, 17),
  }).result
  assert.deepEqual([rolled.kept, rolled.digest], [second.version, first.digest])
  const log = caller.rows<VersionRow, unknown, unknown, unknown, unknown>(METHODS.stateLog as never, {
    tree: "mail",
  })
  assert.deepEqual(
    log.map(({ reason }) => reason),
    ["manual", "manual", "rollback"],
  )
  caller.restart()
  caller.call(METHODS.stateUnlock, { key: KEY_FILE })
  edit(caller, "mail", (scene) => assert.deepEqual(scene.names(scene.root), ["d", "same"]))
  assert.throws(
    () => caller.call(METHODS.stateRollback, { tree: "mail", version: "99" }),
    code("unknown-version"),
  )
  assert.throws(() => caller.call(METHODS.stateLog, { tree: "none" }), code("unknown-tree"))
})

test("what a client holds goes on after a rollback where it is the same file, and is stale where it is not", () => {
  using caller = opened()
  const { store } = caller.keeper.open
  using scene = new Scene(store.tree("mail"))
  const stays = scene.file(scene.root, "stays", "before")
  snapshot(caller, "mail")
  scene.write(scene.open(stays, WRITE), "after!", 0)
  const gone = scene.file(scene.root, "gone", "x")
  caller.call(METHODS.stateRollback, { tree: "mail", version: "1" })
  assert.equal(scene.content(stays), "before")
  assert.throws(() => scene.tree.attributes(gone), code("ESTALE"))
  assert.deepEqual(scene.names(scene.root), ["stays"])
})

test("a path is brought back under new ids, and what it replaces is kept", () => {
  using caller = opened()
  edit(caller, "mail", (scene) => scene.file(scene.directory(scene.root, "d"), "f", "one"))
  snapshot(caller, "mail")
  edit(caller, "mail", (scene) => scene.rename(scene.walk(scene.root, "d"), "f", scene.root, "moved"))
  const from = { tree: "mail", version: "1", path: path("d") }
  const { kept } = caller.call(METHODS.stateRestorePath, { ...from, to: path("d") }).result
  assert.equal(kept, 2)
  edit(caller, "mail", (scene) => {
    const f = scene.walk(scene.root, "d", "f")
    assert.equal(scene.content(f), "one")
    assert.notEqual(f.id, scene.walk(scene.root, "moved").id)
  })
  assert.throws(
    () => caller.call(METHODS.stateRestorePath, { ...from, path: path("x"), to: path("y") }),
    code("unknown-path"),
  )
  assert.throws(
    () => caller.call(METHODS.stateRestorePath, { ...from, to: path("../y") }),
    code("bad-request"),
  )
})

test("pruning removes versions, and what only they held", () => {
  using caller = opened()
  for (let version = 0; version < 4; version++) {
    edit(caller, "mail", (scene) => {
      const open = scene.create(scene.root, named("f"), WRITE)
      scene.tree.write(open, Buffer.alloc(200_000, `${version} ${Math.sin(version)}`), 0)
    })
    snapshot(caller, "mail")
  }
  const usage = caller.rows<UsageRow, unknown, unknown, unknown, unknown>(METHODS.stateDu as never, {
    tree: "mail",
  })
  assert.deepEqual(
    usage.map(({ version }) => version),
    [0, 1, 2, 3, 4],
  )
  assert.ok((usage[1]?.ownBytes ?? 0) > 0)
  const params = { tree: "", keep: { ...NONE, last: 1 }, dryRun: true }
  const plan = caller.rows<PruneRow, unknown, unknown, unknown, unknown>(METHODS.statePrune as never, params)
  assert.deepEqual(
    plan.map(({ isKept, why }) => [isKept, why]),
    [
      [false, ""],
      [false, ""],
      [false, ""],
      [true, "last"],
    ],
  )
  const { removed, freedBytes } = caller.call(METHODS.statePrune, { ...params, dryRun: false }).result
  assert.ok(removed === 3 && freedBytes > 0n, `${removed}, ${freedBytes}`)
  const verified = caller.call(METHODS.stateVerify, undefined)
  assert.deepEqual([verified.result.damaged, verified.output.toString()], [0n, ""])
})

test("damage is named with its versions and paths", () => {
  using caller = opened()
  edit(caller, "mail", (scene) => {
    const open = scene.create(scene.directory(scene.root, "d"), named("big"))
    scene.tree.write(open, randomBytes(50_000), 0)
  })
  snapshot(caller, "mail")
  caller.restart()
  const segments = join(caller.directory, "objects", "segments")
  for (const name of readdirSync(segments)) {
    const bytes = readFileSync(join(segments, name))
    bytes.writeUInt8(bytes.readUInt8(5000) ^ 1, 5000)
    writeFileSync(join(segments, name), bytes)
  }
  caller.call(METHODS.stateUnlock, { key: KEY_FILE })
  const rows = caller.rows<DamageRow, undefined, unknown, unknown, unknown>(
    METHODS.stateVerify as never,
    undefined,
  )
  assert.deepEqual(
    rows.map(({ path, tree, versions }) => ({ path, tree, versions })),
    [{ path: "d/big", tree: "mail", versions: [1, 0] }],
  )
})

test("objects of a version go to another store, later ones alone, and give equal trees", () => {
  using from = opened()
  using to = opened()
  const transfer = (version: string, known: string[]) => {
    const { output, result } = from.call(METHODS.stateObjects, { tree: "mail", version, known })
    to.call(METHODS.statePutObjects, undefined, output)
    return result
  }
  const makeMany = (scene: Scene) => {
    for (let index = 0; index < 400; index++) scene.file(scene.root, `f${index}`, `content ${index}`)
  }
  edit(from, "mail", makeMany)
  const first = snapshot(from, "mail")
  const whole = transfer("", [])
  edit(from, "mail", (scene) => scene.file(scene.root, "one more", "x"))
  const second = snapshot(from, "mail")
  const part = transfer(String(second.version), [first.digest])
  assert.ok(part.objects < 8n && whole.objects > 400n, `${part.objects} of ${whole.objects}`)
  const log = from.call(METHODS.stateLog, { tree: "mail" }).output
  assert.equal(to.call(METHODS.stateAdopt, { tree: "mail", present: true }, log).result.versions, 2)
  assert.equal(to.call(METHODS.stateLog, { tree: "mail" }).output.toString(), log.toString())
  const trees = [from, to].map((each) => dump(each.keeper.open.store.tree("mail")))
  assert.deepEqual(trees[0], trees[1])
  const lacking = Buffer.from(log.toString().replaceAll(/sha256:[0-9a-f]{4}/g, "sha256:0000"))
  assert.throws(() => to.call(METHODS.stateAdopt, { tree: "mail", present: false }, lacking), code("damaged"))
})

test("a quota bounds files and bytes of its tree alone; a tree in use is not removed", () => {
  using caller = opened()
  caller.call(METHODS.stateSetQuota, { tree: "small", bytes: 1000n, files: 2n })
  edit(caller, "small", (scene) => {
    const open = scene.create(scene.root, named("f"))
    scene.write(open, "x".repeat(1000), 0)
    assert.throws(() => scene.write(open, "x", 1000), code("ENOSPC"))
    scene.file(scene.root, "g")
    assert.throws(() => scene.file(scene.root, "h"), code("ENOSPC"))
    assert.throws(() => caller.call(METHODS.stateRemoveTree, { tree: "small" }), code("busy"))
    edit(caller, "other", (other) => other.file(other.root, "f", "x".repeat(2000)))
  })
  caller.call(METHODS.stateRemoveTree, { tree: "small" })
  assert.throws(() => caller.call(METHODS.stateLog, { tree: "small" }), code("unknown-tree"))
})
