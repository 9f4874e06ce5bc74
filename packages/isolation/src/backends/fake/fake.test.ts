import assert from "node:assert/strict"
import { createHash } from "node:crypto"
import { once } from "node:events"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Duplex } from "node:stream"
import { after, test } from "node:test"
import { parseDigest, parseDomainId } from "@skerry/model"
import type { AwaitAgent, ImageFile } from "../../backend.ts"
import { isolationConformance } from "../../conformance.ts"
import { FakeBackend, type FakeOptions } from "./fake.ts"
import type { FakeDomain } from "./fake-domain.ts"

const folder = await mkdtemp(join(tmpdir(), "skerry-fake-"))
after(() => rm(folder, { recursive: true }))

async function imageFile(name: string): Promise<ImageFile> {
  const path = join(folder, name)
  await writeFile(path, name)
  return { path, digest: parseDigest(`sha256:${createHash("sha256").update(name).digest("hex")}`) }
}

const image = {
  digest: parseDigest(`sha256:${"a".repeat(64)}`),
  name: "tiny",
  kernel: await imageFile("kernel"),
  initramfs: await imageFile("initramfs"),
  layers: [await imageFile("base"), await imageFile("application")],
}
const shape = { memoryMiB: 64, vcpus: 1 }
const options: FakeOptions = { serveAgent: echo, verifiesImages: true }

/** Answers every piece with itself. */
function echo(channel: Duplex): void {
  channel.on("data", (bytes) => channel.write(bytes))
}

const awaitEcho: AwaitAgent = async (channel, signal) => {
  const answer = once(channel, "data", { signal })
  channel.write("hello")
  assert.equal(String((await answer)[0]), "hello")
}

let fake: FakeBackend
const domainOf = ({ id }: { id: FakeDomain["id"] }) => fake.domains.get(id) ?? assert.fail("no such domain")

isolationConformance("fake", {
  open: async () => {
    fake = new FakeBackend(options)
    return fake
  },
  image,
  shape,
  awaitAgent: awaitEcho,
  print: async (domain, text) => domainOf(domain).print(text),
  powerOff: (domain) => domainOf(domain).end({ kind: "powered-off" }),
  kill: (domain) => domainOf(domain).end({ kind: "killed", signal: "SIGKILL" }),
  watched: [],
  hasProcesses: false,
  stepMs: 5_000,
})

const request = { id: parseDomainId("a"), limits: { processes: 1, cpuWeight: 1 }, onConsole: () => {} }
const never = new AbortController().signal

async function start(change: (backend: FakeBackend) => void) {
  const backend = new FakeBackend(options)
  change(backend)
  const template = await backend.prepare(image, shape, never)
  return { backend, domain: await backend.start(template, request, never) }
}

test("a silent guest never answers", async () => {
  const { domain } = await start((backend) => backend.peers.push("silent"))
  await assert.rejects(awaitEcho(domain.channel, AbortSignal.timeout(20)))
  await domain[Symbol.asyncDispose]()
})

test("garbage and floods arrive on the channel, a flood only as fast as it is read", async () => {
  const garbage = await start((backend) => backend.peers.push("garbage"))
  assert.equal((await once(garbage.domain.channel, "data"))[0][0], 0xee)
  await using flood = (await start((backend) => backend.peers.push("flood"))).domain
  await once(flood.channel, "readable")
  assert.ok(flood.channel.readableLength <= 1 << 20)
})

test("a domain that ends at once has failed", async () => {
  const { domain, backend } = await start((each) => each.peers.push("ends-at-once"))
  assert.equal((await domain.exited).kind, "failed")
  assert.equal(backend.domains.size, 0)
})

test("faults are taken in order, then calls succeed", async () => {
  await using backend = new FakeBackend(options)
  backend.prepareFaults.push({ kind: "fails", code: "boot-timeout" }, { kind: "hangs" })
  await assert.rejects(backend.prepare(image, shape, never), { code: "boot-timeout" })
  await assert.rejects(backend.prepare(image, shape, AbortSignal.timeout(1)), { code: "aborted" })
  await backend.prepare(image, shape, never)
})
