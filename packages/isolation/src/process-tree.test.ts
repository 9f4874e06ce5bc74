import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { Worker } from "node:worker_threads"
import { parseProcessStat, readProcesses, readProcessStat, waitsInKernel } from "./process-tree.ts"

/** Fields 4 to 22, each with its number as its value. */
const FIELDS = Array.from({ length: 19 }, (_, index) => index + 4).join(" ")

test("a process may have any name", () => {
  const expected = { pid: 12, parent: 4, startTicks: 22 }
  assert.deepEqual(parseProcessStat(`12 (a) R 1 (b) S ${FIELDS}`), {
    ...expected,
    state: "S",
    name: "a) R 1 (b",
  })
  assert.deepEqual(parseProcessStat(`12 (a\nb) Z ${FIELDS}`), { ...expected, state: "Z", name: "a\nb" })
})

test("text that is no stat line is none", () => {
  for (const text of ["", "12 (a) R x ", `12 a S ${FIELDS}`]) assert.equal(parseProcessStat(text), undefined)
})

test("this process is among those that run", async () => {
  const own = await readProcessStat(process.pid)
  assert.equal(own?.parent, process.ppid)
  assert.ok(
    (await readProcesses()).some(
      ({ pid, startTicks }) => pid === process.pid && startTicks === own?.startTicks,
    ),
  )
})

/** posix_spawn comes back when the child has opened its input, and cannot be interrupted until then. */
const WAITER = `
  const { workerData } = require("node:worker_threads")
  const libc = require(workerData.koffi).load("libc.so.6")
  const actions = Buffer.alloc(128)
  libc.func("int posix_spawn_file_actions_init(void *)")(actions)
  libc.func("int posix_spawn_file_actions_addopen(void *, int, str, int, uint)")(actions, 0, workerData.fifo, 0, 0)
  const spawn = libc.func("int posix_spawn(void *, str, void *, void *, str *, str *)")
  spawn(Buffer.alloc(4), "/bin/true", actions, null, ["true", null], [null])`

test("a process waits in the kernel when one of its threads does", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "skerry-waits-"))
  t.after(() => rmSync(folder, { recursive: true }))
  const fifo = join(folder, "fifo")
  execFileSync("mkfifo", [fifo])
  const workerData = { fifo, koffi: import.meta.resolve("koffi").replace("file://", "") }
  const worker = new Worker(WAITER, { eval: true, workerData })
  const exited = new Promise((resolve) => worker.once("exit", resolve))
  const deadline = AbortSignal.timeout(10_000)
  while (!(await waitsInKernel(process.pid))) deadline.throwIfAborted()
  writeFileSync(fifo, "")
  assert.equal(await exited, 0)
  while (await waitsInKernel(process.pid)) deadline.throwIfAborted()
  assert.equal(await waitsInKernel(2 ** 30), false)
})
