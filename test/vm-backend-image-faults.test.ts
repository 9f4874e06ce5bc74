import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { appendFileSync } from "node:fs"
import { chmod, copyFile, mkdir, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises"
import { basename, join } from "node:path"
import { after, before, describe, test } from "node:test"
import type { ImageFile, ImageFiles, OpenQemuOptions } from "@skerry/isolation"
import { parseDigest, parseDomainId } from "@skerry/model"
import { agentOf, identify } from "./support/vm-agent.ts"
import { openVmHost, VM_LIMITS, VM_SHAPE, VM_STEP_MS, type VmHost } from "./support/vm-host.ts"
import { assertSentence, leavesNothing } from "./support/vm-traces.ts"

/* What is wrong on disk, and what boots but is no Skerry guest. */

const never = () => AbortSignal.timeout(VM_STEP_MS)
const request = (id: string) => ({ id: parseDomainId(id), limits: VM_LIMITS, onConsole: () => {} })

describe("images and templates that are not what they should be", { skip: process.getuid?.() !== 0 }, () => {
  let host: VmHost
  let cacheDirectory: string

  before(async () => {
    host = await openVmHost()
    cacheDirectory = join(host.folder, "cache")
  })
  after(() => host[Symbol.asyncDispose]())

  /** A backend whose agents' answers are counted: one for each boot of a template. */
  async function openCounting(changes: Partial<OpenQemuOptions> = {}) {
    const boots = { count: 0 }
    const backend = await host.open({
      ...{ cacheDirectory, stateDirectory: join(host.folder, "state") },
      awaitAgent: async (channel, signal) => {
        await agentOf(channel).answer(signal)
        boots.count += 1
      },
      ...changes,
    })
    return { backend, boots, [Symbol.asyncDispose]: () => backend[Symbol.asyncDispose]() }
  }

  /** The host's image with one of its files replaced by a copy of its own. */
  async function withCopy(which: "kernel" | "initramfs"): Promise<ImageFiles> {
    const path = join(host.folder, basename(host.image[which].path))
    await copyFile(host.image[which].path, path)
    await chmod(path, 0o644)
    return { ...host.image, [which]: { path, digest: host.image[which].digest } }
  }

  for (const which of ["kernel", "initramfs"] as const) {
    test(`an altered ${which} is not booted, by a backend that has used it before either`, async () => {
      const image = await withCopy(which)
      await using used = await openCounting()
      await (await used.backend.boot(image, VM_SHAPE, request("before"), never()))[Symbol.asyncDispose]()
      await leavesNothing(host, [], async () => {
        appendFileSync(image[which].path, "x")
        await using fresh = await openCounting()
        for (const { backend } of [used, fresh]) {
          const refused = (error: unknown) => {
            assertSentence(
              error,
              "image-altered",
              /^Image "scratch" was altered on disk .*; remove that file and run: skerry build$/,
            )
            return true
          }
          await assert.rejects(backend.prepare(image, VM_SHAPE, never()), refused)
          await assert.rejects(backend.boot(image, VM_SHAPE, request("altered"), never()), refused)
        }
      })
      await rm(image[which].path)
    })
  }

  test("a template that was altered is not used: the image is booted again", async () => {
    const templates = join(cacheDirectory, "templates")
    {
      await using first = await openCounting()
      await (await first.backend.prepare(host.image, VM_SHAPE, never()))[Symbol.asyncDispose]()
      assert.equal(first.boots.count, 1)
    }
    {
      await using second = await openCounting()
      await (await second.backend.prepare(host.image, VM_SHAPE, never()))[Symbol.asyncDispose]()
      assert.equal(second.boots.count, 0, "one that is whole is loaded")
    }
    const [name = ""] = await readdir(templates)
    const memory = join(templates, name, "memory")
    const bytes = await readFile(memory)
    const middle = bytes.length >> 1
    bytes[middle] = (bytes[middle] ?? 0) ^ 1
    await writeFile(memory, bytes)

    await using third = await openCounting()
    await using template = await third.backend.prepare(host.image, VM_SHAPE, never())
    assert.equal(third.boots.count, 1)
    await using domain = await third.backend.start(template, request("after"), never())
    await identify(domain)
    assert.deepEqual(await readdir(templates), [name])
  })

  test("no room for a template: a sentence that says where, and no partial one", async () => {
    const small = join(host.folder, "small")
    await mkdir(small)
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=8m", "tmpfs", small])
    try {
      await leavesNothing(host, [small], async () => {
        await mkdir(join(small, "templates"))
        await using full = await openCounting({ cacheDirectory: small })
        await assert.rejects(full.backend.prepare(host.image, VM_SHAPE, never()), (error) => {
          assertSentence(
            error,
            "cache-unwritable",
            /^Cannot keep the template of image "scratch" in .*\/small: ENOSPC: .*; make room there, or make it writable$/,
          )
          return true
        })
        assert.deepEqual(await readdir(join(small, "templates")), [])
        await rm(join(small, "templates"), { recursive: true })
        await rm(join(small, "acceleration.json"), { force: true })
      })
    } finally {
      execFileSync("umount", [small])
    }
  })

  test("a guest without an init: its kernel's last words are told", async () => {
    const path = join(host.folder, "empty.cpio")
    await writeFile(path, Buffer.alloc(512))
    const digest = await digestOf(path)
    const image = { ...host.image, digest, initramfs: { path, digest } }
    await leavesNothing(host, [join(cacheDirectory, "templates")], async () => {
      await using broken = await openCounting()
      await assert.rejects(broken.backend.prepare(image, VM_SHAPE, never()), (error) => {
        assertSentence(
          error,
          "boot-failed",
          /^The guest of image "scratch" ended before it answered: the guest's kernel gave up: "VFS: Unable to mount root/,
        )
        return true
      })
    })
  })

  /** Layers whose agent is this program. */
  async function withAgent(program: string): Promise<ImageFiles> {
    const tree = join(host.folder, "agent-layer")
    await rm(tree, { recursive: true, force: true })
    await mkdir(join(tree, "usr/lib/skerry"), { recursive: true })
    await writeFile(join(tree, "usr/lib/skerry/agent.cjs"), `${OPEN_PORT}${program}`, { mode: 0o644 })
    const path = `${tree}.erofs`
    await rm(path, { force: true })
    execFileSync("mkfs.erofs", ["--quiet", "-E", "noinline_data", "--all-root", path, tree], {
      stdio: "ignore",
    })
    const unit = 2 << 20
    await truncate(path, Math.ceil((await readFile(path)).length / unit) * unit)
    const layer: ImageFile = { path, digest: await digestOf(path) }
    return { ...host.image, digest: layer.digest, layers: [...host.image.layers, layer] }
  }

  const AGENTS = {
    "answers garbage": "fs.writeSync(port, 'garbage '.repeat(99))\nsetInterval(() => {}, 9999)",
    "floods with frames for calls that were not made":
      "const frame = Buffer.from([1, 0, 0, 0, 9, 0, 0, 0, 0x86, 7])\n" +
      "const flood = Buffer.concat(new Array(6000).fill(frame))\nfor (;;) fs.writeSync(port, flood)",
  }
  for (const [what, program] of Object.entries(AGENTS)) {
    test(`a guest whose agent ${what} fails the template at once`, async () => {
      const image = await withAgent(program)
      await leavesNothing(host, [], async () => {
        await using broken = await openCounting()
        await assert.rejects(broken.backend.prepare(image, VM_SHAPE, never()), (error) => {
          const words =
            /^The guest of image "scratch" has an agent that does not answer as it should: .*; run: skerry build$/
          assertSentence(error, "boot-failed", words)
          return true
        })
        assert.equal(broken.boots.count, 0)
      })
    })
  }

  test("a guest whose agent never answers is tried a few times, no more", async () => {
    const image = await withAgent("setInterval(() => {}, 9999)")
    await leavesNothing(host, [], async () => {
      await using silent = await openCounting({ bootMs: 1500 })
      await assert.rejects(silent.backend.prepare(image, VM_SHAPE, never()), (error) => {
        assertSentence(
          error,
          "boot-timeout",
          /^The guest of image "scratch" did not answer within 1.5 s, 3 times; see: /,
        )
        return true
      })
    })
  })
})

/** Finds the control port as the agent does. */
const OPEN_PORT = `const fs = require("node:fs")
const ports = "/sys/class/virtio-ports"
const name = fs.readdirSync(ports).find((each) => fs.readFileSync(ports + "/" + each + "/name", "utf8").startsWith("org.skerry"))
const port = fs.openSync("/dev/" + name, "r+")
`

async function digestOf(path: string) {
  return parseDigest(
    `sha256:${createHash("sha256")
      .update(await readFile(path))
      .digest("hex")}`,
  )
}
