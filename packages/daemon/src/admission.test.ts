import assert from "node:assert/strict"
import { test } from "node:test"
import { Admission, type Place } from "./admission.ts"

const limits = (values: Partial<{ domains: number; startsAtOnce: number; startsWaiting: number }>) => () => ({
  domains: 100,
  startsAtOnce: 2,
  startsWaiting: 1000,
  ...values,
})
const never = new AbortController().signal
const lasting = { isDisposable: false, signal: never }
const disposable = { isDisposable: true, signal: never }

test("starts go on in the order asked for, and none is lost", async () => {
  const admission = new Admission(limits({}))
  const order: number[] = []
  await Promise.all(
    Array.from({ length: 200 }, async (_, i) => {
      const place = await admission.request(disposable)
      assert.ok(admission.counts.starting <= 2)
      order.push(i)
      await Promise.resolve()
      place.release()
    }),
  )
  assert.deepEqual(
    order,
    [...order].sort((a, b) => a - b),
  )
  assert.equal(order.length, 200)
  assert.deepEqual(admission.counts, { domains: 0, starting: 0, waiting: 0 })
})

test("one more than may wait is refused, and says which setting to raise", async () => {
  const admission = new Admission(limits({ startsAtOnce: 1, startsWaiting: 1 }))
  await admission.request(lasting)
  const second = admission.request(lasting)
  await assert.rejects(admission.request(lasting), {
    code: "full",
    message: /settings\.limits\.startsWaiting/,
  })
  assert.equal(admission.counts.waiting, 1)
  void second
})

test("a full house of long-lived domains refuses; with a disposable in it, requests wait", async () => {
  const admission = new Admission(limits({ domains: 2 }))
  const first = await admission.request(lasting)
  const second = await admission.request(disposable)
  first.leaveStarts()
  second.leaveStarts()
  const third = admission.request(lasting)
  assert.equal(admission.counts.waiting, 1)
  second.release()
  const place = await third
  place.leaveStarts()
  await assert.rejects(admission.request(lasting), { code: "full", message: /skerry stop/ })
})

test("whoever gives up leaves the line and holds up nobody", async () => {
  const admission = new Admission(limits({ startsAtOnce: 1 }))
  const first = await admission.request(lasting)
  const giveUp = new AbortController()
  const second = admission.request({ isDisposable: false, signal: giveUp.signal })
  const third = admission.request(lasting)
  giveUp.abort(new Error("gone"))
  await assert.rejects(second, /gone/)
  first.leaveStarts()
  await third
})

test("releasing twice gives back one place", async () => {
  const admission = new Admission(limits({}))
  const places: Place[] = [await admission.request(lasting), await admission.request(lasting)]
  places[0]?.release()
  places[0]?.release()
  assert.deepEqual(admission.counts, { domains: 1, starting: 1, waiting: 0 })
})

test("quiet comes only after the last start", async () => {
  const admission = new Admission(limits({ startsAtOnce: 1 }))
  const first = await admission.request(lasting)
  const second = admission.request(lasting)
  let isQuiet = false
  const quiet = admission.quiet().then(() => {
    isQuiet = true
  })
  first.leaveStarts()
  ;(await second).leaveStarts()
  await quiet
  assert.ok(isQuiet)
})
