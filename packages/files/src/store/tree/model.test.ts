import assert from "node:assert/strict"
import { test } from "node:test"
import { MemoryTree } from "../../backends/memory/memory-tree.ts"
import { seededRandom } from "../testing/disk-image.ts"
import { dump, RandomSteps } from "../testing/random-steps.ts"
import { newContents, openMemoryStore, type StoreContents } from "./test-store.ts"

const STEPS = 400

function memoryModel(): MemoryTree {
  let time = 0n
  return new MemoryTree({ now: () => ++time, mostBytes: 2 ** 40, uid: 1000, gid: 1000 })
}

/** Random changes in the model and in a store that `restart` opens anew now and then. */
function lockstep(
  seed: number,
  restart: (contents: StoreContents, store: ReturnType<typeof openMemoryStore>) => void,
) {
  const contents = newContents()
  const model = memoryModel()
  const inModel = new RandomSteps(model, seededRandom(seed))
  const random = seededRandom(seed)
  const events = seededRandom(seed + 1000)
  let store = openMemoryStore(contents)
  for (let step = 0; step < STEPS; step++) {
    const tree = store.tree("work")
    const steps = new RandomSteps(tree, random)
    assert.equal(steps.step(), inModel.step(), `step ${step} of seed ${seed}`)
    const event = events(20)
    tree.commit(event === 0)
    if (event === 1) store.keep()
    if (event === 2) store.checkpoint()
    if (event === 3 || step === STEPS - 1) {
      assert.deepEqual(dump(tree), dump(model), `step ${step} of seed ${seed}`)
      restart(contents, store)
      store = openMemoryStore(contents)
      const { state, files } = store.stored("work")
      assert.deepEqual(dump(files), dump(model), `step ${step} of seed ${seed}, opened again`)
      const { below } = store.nodes.root(state.work.keep())
      assert.deepEqual([state.work.files, state.work.bytes], [below.files, below.bytes])
    }
  }
}

for (const seed of [1, 2]) {
  test(`random changes give what they give in memory, with clean restarts (seed ${seed})`, () => {
    lockstep(seed, (_, store) => store[Symbol.dispose]())
  })
  test(`random changes give what they give in memory, with kills (seed ${seed + 10})`, () => {
    lockstep(seed + 10, () => {})
  })
}

test("after the loss of power, what was committed durably is there", () => {
  for (let seed = 30; seed < 36; seed++) {
    const contents = newContents()
    const store = openMemoryStore(contents)
    const tree = store.tree("work")
    const steps = new RandomSteps(tree, seededRandom(seed))
    const random = seededRandom(seed + 1)
    const states = [dump(tree)]
    let durable = 0
    for (let step = 1; step < 60; step++) {
      steps.step()
      const isDurable = random(8) === 0
      tree.commit(isDurable)
      states.push(dump(tree))
      if (isDurable) durable = step
      if (random(15) === 0) {
        store.checkpoint()
        durable = step
      }
    }
    contents.objects.losePower()
    contents.journal.losePower(random(3) * random(20_000))
    const found = dump(openMemoryStore(contents).tree("work"))
    const at = states.findLastIndex((state) => JSON.stringify(state) === JSON.stringify(found))
    assert.ok(at >= durable, `seed ${seed}: found ${at}, durable was ${durable}`)
  }
})
