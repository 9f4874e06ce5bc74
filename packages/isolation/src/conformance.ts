import assert from "node:assert/strict"
import { appendFile, mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type TestContext, test } from "node:test"
import { parseDomainId } from "@skerry/model"
import {
  type AwaitAgent,
  type Domain,
  type ImageFiles,
  type IsolationBackend,
  IsolationError,
  type Shape,
  type StartRequest,
} from "./backend.ts"
import { copyImage, temporaryFile } from "./conformance-files.ts"
import { portConformance } from "./conformance-ports.ts"
import { hostTraces } from "./conformance-traces.ts"

/** What the suite needs to know of a backend to hold it to the promises of backend.ts. */
export interface ConformanceTarget {
  /** A fresh backend; each test disposes of its own. */
  readonly open: () => Promise<IsolationBackend>
  readonly image: ImageFiles
  readonly shape: Shape
  /** Resolves only for a guest that runs: the suite uses it also to see that a paused one does not. */
  readonly awaitAgent: AwaitAgent
  /** Has the guest print `text` on its console. */
  readonly print: (domain: Domain, text: string) => Promise<void>
  /** Has the guest end itself. */
  readonly powerOff: (domain: Domain) => void
  /** Kills the domain from outside, as the kernel or an administrator would. */
  readonly kill: (domain: Domain) => void
  /** Has the guest write `text` to a descriptor that it is sent; where the backend takes descriptors. */
  readonly writeToDescriptor?: (domain: Domain, descriptor: number, text: string) => Promise<void>
  /** Has the guest read a line from the port of this name, and write it back with "heard " before it; where the backend has ports. */
  readonly echoOnPort?: (domain: Domain, name: string) => Promise<void>
  /** Names of the ports that the guest sees, without its control port. */
  readonly portNames?: (domain: Domain) => Promise<readonly string[]>
  /** Directories that must look the same before and after: runtime, cgroups. */
  readonly watched: readonly string[]
  /** False where there are no processes to look for (the fake). */
  readonly hasProcesses: boolean
  /** Longest that one step may take; emulated machines are slow. */
  readonly stepMs: number
}

const limits = { processes: 256, cpuWeight: 100 }
const PAUSED_LOOK_MS = 300
const ABORT_MOMENTS = 8

export function isolationConformance(name: string, target: ConformanceTarget): void {
  let count = 0
  const request = (changes: Partial<StartRequest> = {}): StartRequest => ({
    id: parseDomainId(`conform-${process.pid}-${count++}`),
    limits,
    onConsole: () => {},
    ...changes,
  })
  const never = () => AbortSignal.timeout(target.stepMs)
  const answers = (domain: Domain) => target.awaitAgent(domain.channel, never())

  /** Runs with a backend of its own, then looks from outside whether anything is left. */
  const check = (promise: string, body: (backend: IsolationBackend, t: TestContext) => Promise<void>) =>
    test(`${name}: ${promise}`, async (t) => {
      const before = await hostTraces(target.watched)
      {
        await using backend = await target.open()
        await body(backend, t)
      }
      assert.deepEqual(await hostTraces(target.watched), before, "left behind on the host")
    })

  check("a domain starts from a template and its agent answers", async (backend) => {
    await using template = await backend.prepare(target.image, target.shape, never())
    assert.equal(template.image, target.image.digest)
    assert.deepEqual(template.shape, target.shape)
    const wanted = request()
    await using domain = await backend.start(template, wanted, never())
    assert.equal(domain.id, wanted.id)
    await answers(domain)
  })

  check("a domain boots without a template", async (backend) => {
    await using domain = await backend.boot(target.image, target.shape, request(), never())
    await answers(domain)
  })

  check("disposing of a domain ends it as stopped, once, however often it is asked", async (backend) => {
    await using template = await backend.prepare(target.image, target.shape, never())
    const domain = await backend.start(template, request(), never())
    await answers(domain)
    await Promise.all([domain[Symbol.asyncDispose](), domain[Symbol.asyncDispose]()])
    assert.deepEqual(await domain.exited, { kind: "stopped" })
    assert.equal(domain.channel.destroyed, true)
    await domain[Symbol.asyncDispose]()
  })

  check("when exited settles, nothing of the domain is left", async (backend) => {
    await using template = await backend.prepare(target.image, target.shape, never())
    const before = await hostTraces(target.watched)
    const domain = await backend.start(template, request(), never())
    await answers(domain)
    if (target.hasProcesses) assert.notDeepEqual(await hostTraces(target.watched), before)
    target.kill(domain)
    await domain.exited
    assert.deepEqual(await hostTraces(target.watched), before)
  })

  check("a guest that ends itself has powered off, also if it is disposed of meanwhile", async (backend) => {
    await using template = await backend.prepare(target.image, target.shape, never())
    const first = await backend.start(template, request(), never())
    await answers(first)
    target.powerOff(first)
    assert.equal((await first.exited).kind, "powered-off")
    await first[Symbol.asyncDispose]()

    const second = await backend.start(template, request(), never())
    await answers(second)
    target.powerOff(second)
    await second[Symbol.asyncDispose]()
    assert.match((await second.exited).kind, /^(powered-off|stopped)$/)
  })

  check("a domain that is killed says so", async (backend) => {
    await using template = await backend.prepare(target.image, target.shape, never())
    await using domain = await backend.start(template, request(), never())
    await answers(domain)
    target.kill(domain)
    assert.deepEqual(await domain.exited, { kind: "killed", signal: "SIGKILL" })
  })

  check("a paused domain does nothing until it is resumed", async (backend) => {
    await using template = await backend.prepare(target.image, target.shape, never())
    await using domain = await backend.start(template, request(), never())
    await answers(domain)
    await domain.pause()
    await domain.pause()
    const answer = answers(domain)
    const silence = new Promise((resolve) => setTimeout(resolve, PAUSED_LOOK_MS, "silence"))
    assert.equal(await Promise.race([answer, silence]), "silence")
    await domain.resume()
    await answer
    await domain.resume()
  })

  check("a paused domain can be disposed of", async (backend) => {
    await using template = await backend.prepare(target.image, target.shape, never())
    const domain = await backend.start(template, request(), never())
    await answers(domain)
    await domain.pause()
    await domain[Symbol.asyncDispose]()
    assert.deepEqual(await domain.exited, { kind: "stopped" })
  })

  check("two domains share neither process nor account", async (backend) => {
    await using template = await backend.prepare(target.image, target.shape, never())
    const both = [request(), request()].map((each) => backend.start(template, each, never()))
    await using first = await (both[0] ?? assert.fail())
    await using second = await (both[1] ?? assert.fail())
    await Promise.all([answers(first), answers(second)])
    assert.notEqual(first.processes.pid, second.processes.pid)
    assert.notEqual(first.processes.uid, second.processes.uid)
    for (const path of first.processes.cgroups) assert.ok(!second.processes.cgroups.includes(path))
    await first[Symbol.asyncDispose]()
    await answers(second)
  })

  check("a disposed template leaves its domains alone and starts no more", async (backend) => {
    const template = await backend.prepare(target.image, target.shape, never())
    await using domain = await backend.start(template, request(), never())
    await template[Symbol.asyncDispose]()
    await template[Symbol.asyncDispose]()
    await answers(domain)
    await assert.rejects(backend.start(template, request(), never()), IsolationError)
  })

  check(
    "a template that is disposed of under a start leaves a whole domain or a clear refusal",
    async (backend) => {
      const template = await backend.prepare(target.image, target.shape, never())
      const starting = backend.start(template, request(), never())
      await template[Symbol.asyncDispose]()
      try {
        await using domain = await starting
        await answers(domain)
      } catch (error) {
        assert.ok(error instanceof IsolationError, `${error}`)
      }
    },
  )

  check("the same image can be prepared twice at once", async (backend) => {
    const prepare = () => backend.prepare(target.image, target.shape, never())
    const [first, second] = await Promise.all([prepare(), prepare()])
    await first[Symbol.asyncDispose]()
    await using _second = second
    await using domain = await backend.start(second, request(), never())
    await answers(domain)
  })

  check("disposing of the backend ends its domains", async (backend) => {
    const template = await backend.prepare(target.image, target.shape, never())
    const domain = await backend.start(template, request(), never())
    await backend[Symbol.asyncDispose]()
    assert.deepEqual(await domain.exited, { kind: "stopped" })
  })

  check("an abort before or during a call leaves nothing", async (backend) => {
    const aborted = AbortSignal.abort()
    const refused = { name: "IsolationError", code: "aborted" }
    await assert.rejects(backend.prepare(target.image, target.shape, aborted), refused)
    await using template = await backend.prepare(target.image, target.shape, never())
    await assert.rejects(backend.start(template, request(), aborted), refused)
    await assert.rejects(backend.boot(target.image, target.shape, request(), aborted), refused)

    const before = await hostTraces(target.watched)
    const beganMs = performance.now()
    await (await backend.start(template, request(), never()))[Symbol.asyncDispose]()
    const wholeMs = performance.now() - beganMs
    for (let moment = 0; moment < ABORT_MOMENTS; moment++) {
      const signal = AbortSignal.timeout(Math.round((wholeMs * moment) / ABORT_MOMENTS))
      try {
        await (await backend.start(template, request(), signal))[Symbol.asyncDispose]()
      } catch (error) {
        assert.ok(error instanceof IsolationError, `${error}`)
        assert.equal(error.code, "aborted")
      }
      assert.deepEqual(await hostTraces(target.watched), before, `aborted at ${moment} of ${ABORT_MOMENTS}`)
    }
  })

  for (const which of ["first", "last"] as const) {
    check(
      `an image whose ${which} layer was altered is refused, and so is one that is gone`,
      async (backend) => {
        const folder = await mkdtemp(join(tmpdir(), "skerry-altered-"))
        try {
          const image = await copyImage(target.image, folder)
          const layer = image.layers.at(which === "first" ? 0 : -1) ?? assert.fail("an image without layers")
          await appendFile(layer.path, "x")
          const refused = { name: "IsolationError", code: "image-altered" }
          await assert.rejects(backend.prepare(image, target.shape, never()), refused)
          await assert.rejects(backend.boot(image, target.shape, request(), never()), refused)
          await rm(layer.path)
          await assert.rejects(backend.prepare(image, target.shape, never()), refused)
        } finally {
          await rm(folder, { recursive: true })
        }
      },
    )
  }

  check("the console arrives, in pieces of at most 4 KiB", async (backend) => {
    await using template = await backend.prepare(target.image, target.shape, never())
    const { promise, resolve } = Promise.withResolvers<void>()
    let seen = ""
    const onConsole = (untrustedText: string) => {
      assert.ok(
        Buffer.byteLength(untrustedText) <= 4096,
        `a piece of ${Buffer.byteLength(untrustedText)} bytes`,
      )
      seen += untrustedText
      if (seen.includes("the end")) resolve()
    }
    await using domain = await backend.start(template, request({ onConsole }), never())
    await answers(domain)
    await target.print(domain, `${"€".repeat(10_000)}the end\n`)
    await promise
    assert.equal(seen.split("€").length - 1, 10_000)
  })

  check("a host pipe reaches the guest where descriptors are a feature", async (backend, t) => {
    if (!backend.features.descriptors) return t.skip("not a feature of this backend")
    assert.ok(target.writeToDescriptor, "the suite needs writeToDescriptor for this backend")
    await using template = await backend.prepare(target.image, target.shape, never())
    await using domain = await backend.start(template, request(), never())
    await answers(domain)
    assert.ok(domain.sendDescriptors)
    await using file = await temporaryFile()
    await target.writeToDescriptor(domain, file.handle.fd, "from inside")
    assert.equal(await file.text(), "from inside")
  })

  check(
    "a port is added to a running domain and taken away where ports are a feature",
    async (backend, t) => {
      if (!backend.features.ports || target.echoOnPort === undefined) return t.skip("no ports in this guest")
      await portConformance(backend, target, request(), never)
    },
  )
}
