import { writeSync } from "node:fs"
import { workerData } from "node:worker_threads"
import { openLinux } from "@skerry/linux"
import { Jobs } from "./jobs.ts"
import { decodeOrder, encodeEnd, ORDER_BYTES } from "./records.ts"

/* A thread of the daemon that does nothing but wait for pipes and move bytes between them; pump.ts starts it. */

const { orders, ends } = workerData as { readonly orders: number; readonly ends: number }
const linux = openLinux()
const jobs = new Jobs(linux, (end) => void writeSync(ends, encodeEnd(end)))
linux.setBlocking(orders, false)
const input = Buffer.alloc(ORDER_BYTES * 64)
let held = 0
for (;;) {
  if (!jobs.turn(orders)) continue
  const count = linux.readSome(orders, input.subarray(held))
  if (count === 0) break
  held += count ?? 0
  let taken = 0
  for (; taken + ORDER_BYTES <= held; taken += ORDER_BYTES) {
    const order = decodeOrder(input.subarray(taken, taken + ORDER_BYTES))
    if (order.kind === "carry") jobs.add(order.id, order.from, order.to)
    else jobs.cancel(order.id)
  }
  input.copyWithin(0, taken, held)
  held -= taken
}
