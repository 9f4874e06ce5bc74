import assert from "node:assert/strict"
import { test } from "node:test"
import type { ImageFiles, IsolationBackend, Shape, Template } from "@skerry/isolation"
import type { Digest } from "@skerry/model"
import { DAEMON_LIMITS } from "./limits.ts"
import { Templates } from "./templates.ts"

const shape: Shape = { memoryMiB: 256, vcpus: 1 }
const image = (name: string) => ({ digest: `sha256:${name}` as Digest, name }) as ImageFiles
const never = new AbortController().signal

/** Only prepare() is ever called on it; `answer` decides each preparation. */
function preparer(answer: () => Promise<void> = async () => {}) {
  const log: string[] = []
  const backend = {
    name: "fake",
    async prepare(image: ImageFiles, shape: Shape): Promise<Template> {
      log.push(`prepare ${image.digest}`)
      await answer()
      return {
        image: image.digest,
        shape,
        async [Symbol.asyncDispose]() {
          log.push(`dispose ${image.digest}`)
        },
      }
    },
  } as Partial<IsolationBackend> as IsolationBackend
  return { backend, log }
}

test("concurrent requests share one preparation, and one that leaves does not end it", async () => {
  const gate = Promise.withResolvers<void>()
  const { backend, log } = preparer(() => gate.promise)
  const templates = new Templates()
  const leave = new AbortController()
  const request = { backend, image: image("a"), shape }
  const first = templates.hold({ ...request, signal: leave.signal }, async () => "first")
  const second = templates.hold({ ...request, signal: never }, async () => "second")
  leave.abort(new Error("left"))
  await assert.rejects(first, /left/)
  gate.resolve()
  assert.equal(await second, "second")
  assert.deepEqual(log, ["prepare sha256:a"])
})

test("a failed preparation is tried again by the next request", async () => {
  let isBroken = true
  const { backend, log } = preparer(async () => {
    if (isBroken) throw new Error("no disk")
  })
  const templates = new Templates()
  const request = { backend, image: image("a"), shape, signal: never }
  await assert.rejects(
    templates.hold(request, async () => {}),
    /no disk/,
  )
  isBroken = false
  await templates.hold(request, async () => {})
  assert.equal(log.length, 2)
})

test("beyond the bound the least recently used goes, never one that is held", async () => {
  const { backend, log } = preparer()
  const templates = new Templates()
  const use = (name: string, work: () => Promise<void> = async () => {}) =>
    templates.hold({ backend, image: image(name), shape, signal: never }, work)
  await use("held", async () => {
    for (let i = 0; i < DAEMON_LIMITS.templates; i++) await use(`t${i}`)
    assert.equal(templates.count, DAEMON_LIMITS.templates)
    assert.ok(log.includes("dispose sha256:t0"))
  })
  assert.ok(!log.includes("dispose sha256:held"))
})

test("a new generation drops the templates of images it does not have", async () => {
  const { backend, log } = preparer()
  await using templates = new Templates()
  for (const name of ["old", "new"]) {
    await templates.hold({ backend, image: image(name), shape, signal: never }, async () => {})
  }
  templates.keepOnly(new Set([image("new").digest]))
  await new Promise(setImmediate)
  assert.deepEqual(log.at(-1), "dispose sha256:old")
  assert.equal(templates.count, 1)
})
