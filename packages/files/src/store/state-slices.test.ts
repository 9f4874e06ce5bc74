import assert from "node:assert/strict"
import { test } from "node:test"
import { STATE_METHODS as METHODS } from "@skerry/rpc"
import * as op from "../client/operations.ts"
import { Scene } from "../conformance/scene.ts"
import { connect } from "../conformance/session.ts"
import { ServedTree } from "../server/served-tree.ts"
import { type Begun, KEY_FILE, StateCaller } from "./testing/state-caller.ts"

const NO_RULE = { last: 0, hourly: 0, daily: 0, weekly: 0, monthly: 0, yearly: 0 }
const ROOT = Buffer.alloc(0)
const FILES = 1200

/** A store whose tree "many" has a version without files and one with many, and another tree, which a client uses. */
function withMany() {
  const caller = new StateCaller()
  caller.call(METHODS.stateUnlock, { key: KEY_FILE })
  const { store } = caller.keeper.open
  const snapshot = () => caller.call(METHODS.stateSnapshot, { tree: "many", reason: "manual", note: "" })
  store.tree("many")
  snapshot()
  using scene = new Scene(store.tree("many"))
  for (let index = 0; index < FILES; index++) {
    const directory = index % 200 === 0 ? scene.directory(scene.root, `d${index}`) : undefined
    if (directory !== undefined) scene.file(directory, "in it", "x")
    scene.file(scene.root, `f${index}`, `content ${index}`)
  }
  scene.tree.commit(false)
  snapshot()
  for (let index = 0; index < FILES; index++) {
    scene.tree.setAttributes(scene.walk(scene.root, `f${index}`), { accessTime: 1n })
  }
  scene.tree.commit(false)
  return { caller, store }
}

/** Lets a client ask something in each turn of the call; how often it was answered. */
function answersDuring(caller: StateCaller, act: () => void): number {
  const { client } = connect(new ServedTree(caller.keeper.open.store.tree("other")))
  let answers = 0
  caller.meanwhile = () => {
    client.call(op.getattr(0))
    answers += 1
  }
  act()
  caller.meanwhile = () => {}
  return answers
}

const versions = { tree: "many", from: "1", to: "2" }
const inMany = { tree: "many", version: "2", path: ROOT }
const CALLS: Readonly<Record<string, (caller: StateCaller) => Begun>> = {
  diff: (caller) => caller.begin(METHODS.stateDiff, versions),
  "diff that finds nothing": (caller) => caller.begin(METHODS.stateDiff, { ...versions, from: "2", to: "" }),
  du: (caller) => caller.begin(METHODS.stateDu, { tree: "many" }),
  show: (caller) => caller.begin(METHODS.stateShow, { ...inMany, deep: true }),
  objects: (caller) => caller.begin(METHODS.stateObjects, { tree: "many", version: "2", known: [] }),
  export: (caller) => caller.begin(METHODS.stateExport, inMany),
  verify: (caller) => caller.begin(METHODS.stateVerify, undefined),
  prune: (caller) =>
    caller.begin(METHODS.statePrune, { tree: "many", keep: { ...NO_RULE, last: 1 }, dryRun: false }),
}

test("clients are answered while a large tree is looked through", () => {
  const { caller } = withMany()
  using _ended = caller
  for (const [name, begin] of Object.entries(CALLS)) {
    const answers = answersDuring(caller, () => {
      const { end } = begin(caller)
      caller.run(() => end.payload !== undefined)
      assert.equal(end.type, "return", name)
    })
    // A turn is over after five looks at the clock; some look at many entries or objects between two.
    assert.ok(answers >= 2, `${name}: ${answers}`)
  }
})

test("clients are answered while a large version is adopted, and while an import ends", () => {
  const { caller } = withMany()
  using from = caller
  using to = new StateCaller()
  to.call(METHODS.stateUnlock, { key: KEY_FILE })
  const { output } = from.call(METHODS.stateObjects, { tree: "many", version: "2", known: [] })
  to.call(METHODS.statePutObjects, undefined, output)
  const log = from.call(METHODS.stateLog, { tree: "many" }).output
  const row = Buffer.from(log.toString().split("\n")[1] ?? "")
  const adopted = answersDuring(to, () => {
    to.call(METHODS.stateAdopt, { tree: "many", present: true }, row)
  })
  assert.ok(adopted > FILES / 10, `${adopted}`)
  const exported = from.call(METHODS.stateExport, { tree: "many", version: "2", path: ROOT }).output
  const into = { tree: "again", path: ROOT, merge: false }
  assert.ok(answersDuring(to, () => to.call(METHODS.stateImport, into, exported)) > 0)
  const digests = ["many", "again"].map((tree) => to.keeper.open.store.stored(tree).state.work.files)
  assert.equal(digests[0], digests[1])
})

test("what is compared stays as it was when the call began, though its versions go meanwhile", () => {
  const { caller, store } = withMany()
  using _ended = caller
  const expected = caller.call(METHODS.stateDiff, versions).output.toString()
  const begun = caller.begin(METHODS.stateDiff, versions)
  let isPruned = false
  caller.meanwhile = () => {
    if (isPruned) return
    isPruned = true
    const scene = new Scene(store.tree("many"))
    for (let index = 2; index < FILES; index++) scene.remove(scene.root, `f${index}`)
    scene[Symbol.dispose]()
    const keep = { ...NO_RULE, last: 0 }
    assert.equal(caller.call(METHODS.statePrune, { tree: "many", keep, dryRun: false }).result.removed, 2)
  }
  caller.run(() => begun.end.payload !== undefined)
  assert.ok(isPruned)
  assert.equal(begun.end.type, "return")
  assert.equal(Buffer.concat(begun.output).toString(), expected)
})

test("one whose caller gives up is done with, and holds nothing back", () => {
  const { caller, store } = withMany()
  using _ended = caller
  let turn = 0
  // Until the store has nothing to do but to forget, in ten minutes, what nobody reclaims.
  caller.run(() => turn++ > 1000)
  const atRest = caller.waiting
  for (const [name, begin] of Object.entries(CALLS)) {
    const begun = begin(caller)
    let turns = 0
    caller.meanwhile = () => {
      turns += 1
      if (turns === 1) begun.cancel()
    }
    caller.run(() => begun.end.payload !== undefined)
    caller.meanwhile = () => {}
    assert.ok(turns < 5, `${name}: ${turns} turns`)
    assert.equal(begun.end.type, "fail", name)
    assert.deepEqual([...store.pins.roots], [], name)
    // What was looked through is left; the objects of versions that are removed already are collected all the same.
    caller.run(() => caller.waiting === atRest)
  }
})

test("what is pruned while a collection is under way is gone when the answer comes", () => {
  const { caller, store } = withMany()
  using _ended = caller
  const first = caller.begin(METHODS.statePrune, {
    tree: "many",
    keep: { ...NO_RULE, last: 9 },
    dryRun: false,
  })
  let second: Begun | undefined
  const content = store.nodes.root(store.stored("many").state.work.keep())
  caller.meanwhile = () => {
    // Not before the first has marked what the tree is made of.
    if (second !== undefined || caller.keeper.open.maintenance.marked === 0) return
    caller.call(METHODS.stateRemoveTree, { tree: "many" })
    second = caller.begin(METHODS.statePrune, { tree: "", keep: { ...NO_RULE, last: 9 }, dryRun: false })
    let rounds = 0
    caller.run(() => rounds++ > 0) // the server has it, and no time has passed
    assert.ok(caller.keeper.open.maintenance.marked > 0)
  }
  caller.run(() => first.end.payload !== undefined && second?.end.payload !== undefined)
  assert.deepEqual([first.end.type, second?.end.type], ["return", "return"])
  assert.equal(store.objects.has("node", content.content ?? assert.fail()), false)
})
