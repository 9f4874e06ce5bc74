import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { after, before, describe, test } from "node:test"
import { setTimeout as delay } from "node:timers/promises"
import {
  type Cgroups,
  type Domain,
  IsolationError,
  openCgroups,
  readCgroupTexts,
  type Template,
} from "@skerry/isolation"
import { parseDomainId } from "@skerry/model"
import { readQemuHost } from "../packages/isolation/src/backends/qemu/host.ts"
import { QemuBackend } from "../packages/isolation/src/backends/qemu/qemu.ts"
import { agentOf, identify, outputOf, runScript } from "./support/vm-agent.ts"
import {
  cgroupDirectoriesOf,
  openVmHost,
  VM_LIMITS,
  VM_SHAPE,
  VM_STEP_MS,
  type VmBackend,
  type VmHost,
} from "./support/vm-host.ts"
import { parentOf, stopWhatStarts, untilEmpty } from "./support/vm-processes.ts"
import { assertSentence, leavesNothing } from "./support/vm-traces.ts"

/* Processes that are missing, killed, stopped or too big. */

const never = () => AbortSignal.timeout(VM_STEP_MS)
/** Longest that a start which was given up may take to leave nothing. */
const GIVE_UP_MS = 5000
const HOLDER = join(import.meta.dirname, "support/vm-holder.ts")

describe("a QEMU in trouble", { skip: process.getuid?.() !== 0 }, () => {
  const stack = new AsyncDisposableStack()
  let host: VmHost
  let backend: VmBackend
  let template: Template
  let count = 0

  before(async () => {
    host = stack.use(await openVmHost())
    backend = stack.use(await host.open())
    template = stack.use(await backend.prepare(host.image, VM_SHAPE, never()))
  })
  after(() => stack.disposeAsync())

  const request = () => ({
    id: parseDomainId(`trouble-${count++}`),
    limits: VM_LIMITS,
    onConsole: () => {},
  })
  /** Where no template is yet. */
  const ownCache = () => {
    const folder = join(host.folder, `cache-${count++}`)
    return { cacheDirectory: folder, stateDirectory: folder }
  }
  const start = async (): Promise<Domain> => {
    const domain = await backend.start(template, request(), never())
    await identify(domain)
    return domain
  }

  test("that is not installed is told by the name of its package", async () => {
    const other = process.arch === "x64" ? "ppc64" : "x64"
    await assert.rejects(host.open({ architecture: other }), (error) => {
      assertSentence(
        error,
        "unusable",
        /^Cannot find qemu-system-\w+; install it with: apt install qemu-system-\w+$/,
      )
      return true
    })
  })

  test("that is gone when it is needed fails the start, and says what its sandbox said", async () => {
    await leavesNothing(host, [], async () => {
      // A sandbox that shows no loader: as if the program had been removed under the daemon.
      const qemu = { ...(await readQemuHost(process.arch)), folders: [] }
      await using other = new QemuBackend({ ...host.options, host: qemu, acceleration: "tcg" })
      await assert.rejects(other.boot(host.image, VM_SHAPE, request(), never()), (error) => {
        assertSentence(
          error,
          "spawn-failed",
          /^Cannot start QEMU in its sandbox: bwrap: .*No such file or directory$/,
        )
        return true
      })
    })
  })

  const VICTIMS: Readonly<Record<string, (pid: number) => number>> = {
    QEMU: (pid) => pid,
    "the first process of its sandbox": parentOf,
    "its sandbox": (pid) => parentOf(parentOf(pid)),
    "the launcher of its sandbox": (pid) => parentOf(parentOf(parentOf(pid))),
  }
  for (const [who, find] of Object.entries(VICTIMS)) {
    test(`killed by kill -9 ends its domain and leaves nothing: ${who}`, async () => {
      await leavesNothing(host, [], async () => {
        const domain = await start()
        const lost = assert.rejects(runScript(domain, "sleep 1000"), { code: "connection-closed" })
        process.kill(find(domain.processes.pid), "SIGKILL")
        assert.deepEqual(await domain.exited, { kind: "killed", signal: "SIGKILL" })
        assert.equal(existsSync(`/proc/${domain.processes.pid}`), false)
        await lost
      })
    })
  }

  test("that stands still during a start is given up as soon as that is wanted", async () => {
    await leavesNothing(host, [], async () => {
      using _stopped = stopWhatStarts(host.cgroupDirectories, /trouble-/)
      const abort = new AbortController()
      const starting = backend.start(template, request(), abort.signal)
      await delay(500) // long enough to be stopped somewhere on its way
      const beganMs = performance.now()
      abort.abort()
      await assert.rejects(
        starting.then((domain) =>
          domain[Symbol.asyncDispose]().then(() => assert.fail("it was not stopped")),
        ),
        { code: "aborted" },
      )
      assert.ok(performance.now() - beganMs < GIVE_UP_MS)
    })
  })

  test("that is given up while it boots leaves nothing, at whatever moment", async () => {
    const cache = ownCache()
    await using own = await host.open(cache)
    for (const afterMs of [5, 20, 60, 200, 1000, 2500]) {
      const aborted = { name: "IsolationError", code: "aborted" }
      await leavesNothing(host, [cache.cacheDirectory], async () => {
        const signal = AbortSignal.timeout(afterMs)
        await assert.rejects(own.prepare(host.image, VM_SHAPE, signal), aborted)
      })
    }
    for (const afterMs of [5, 20, 60]) {
      await leavesNothing(host, [cache.cacheDirectory], async () => {
        const booting = own.boot(host.image, VM_SHAPE, request(), AbortSignal.timeout(afterMs))
        // On a quick host it is there before it is given up.
        const domain = await booting.catch((error: unknown) => {
          assert.ok(error instanceof IsolationError && error.code === "aborted", `${error}`)
        })
        await domain?.[Symbol.asyncDispose]()
      })
    }
  })

  test("that stands still while it boots is tried a few times, no more", async () => {
    await leavesNothing(host, [], async () => {
      await using hanging = await host.open({ ...ownCache(), bootMs: 2000 })
      using stopped = stopWhatStarts(host.cgroupDirectories, /template-/)
      await assert.rejects(hanging.prepare(host.image, VM_SHAPE, never()), (error) => {
        assertSentence(
          error,
          "boot-timeout",
          /^The guest of image "scratch" did not answer within 2 s, 3 times/,
        )
        return true
      })
      assert.equal(stopped.domains.size, 3)
    })
  })

  test("that stood still once is started again, and nobody notices", async () => {
    await using patient = await host.open({ ...ownCache(), bootMs: 20_000 })
    using stopped = stopWhatStarts(host.cgroupDirectories, /template-/, 1)
    await using again = await patient.prepare(host.image, VM_SHAPE, never())
    assert.equal(stopped.domains.size, 1)
    await using domain = await patient.start(again, request(), never())
    await identify(domain)
  })

  test("whose guest's kernel panics says what the kernel said", async () => {
    await leavesNothing(host, [], async () => {
      const domain = await start()
      await runScript(domain, "echo c >/proc/sysrq-trigger", { user: "root" }).catch(() => {})
      const exit = await domain.exited
      assert.deepEqual(exit, {
        kind: "failed",
        message: 'the guest\'s kernel gave up: "sysrq triggered crash"',
      })
    })
  })

  test("whose guest runs out of memory loses the command, and neither the domain nor another", async () => {
    await using hungry = await start()
    await using other = await start()
    const hog = await runScript(hungry, "tail /dev/zero")
    assert.equal(hog.status, "137", hog.stderr)
    assert.equal(await outputOf(hungry, "echo still here"), "still here")
    assert.equal(await outputOf(other, "echo here as well"), "here as well")
  })

  test("that outgrows its memory limit is killed, and neither the others nor the host's", async (t) => {
    if (!host.cgroups.controls.memory) return t.skip("no memory controller here")
    await using other = await start()
    await leavesNothing(host, [], async () => {
      // Room enough to start in, not for what the guest may use.
      const tight: Cgroups = {
        ...host.cgroups,
        create: (id, limits) => host.cgroups.create(id, { ...limits, memoryBytes: 96 << 20 }),
      }
      await using small = await host.open({ cgroups: tight })
      await using own = await small.prepare(host.image, VM_SHAPE, never())
      await using domain = await small.start(own, request(), never())
      await identify(domain)
      const hog = runScript(domain, "head -c 150m /dev/zero | tail").catch(() => undefined)
      const exit = await domain.exited
      await hog
      const message = "QEMU needed more memory than the domain's limit of 512 MiB and was killed"
      assert.deepEqual(exit, { kind: "failed", message })
    })
    assert.equal(await outputOf(other, "echo still here"), "still here")
  })

  test("whose agent is asked to end it ends in order", async () => {
    const domain = await start()
    await agentOf(domain.channel).shutDown()
    const late = AbortSignal.timeout(GIVE_UP_MS)
    const exit = await Promise.race([domain.exited, once(late, "abort")])
    await domain[Symbol.asyncDispose]()
    assert.deepEqual(exit, { kind: "powered-off" })
  })

  test("killed together with its daemon, at any moment of a start, leaves no process", async () => {
    for (const afterMs of [0, 5, 10, 15, 20, 30, 40, 60, 90, 150]) {
      const home = join(host.folder, `holder-${afterMs}`)
      const holder = spawn(process.execPath, [HOLDER, home], { stdio: ["pipe", "pipe", "inherit"] })
      const exited = once(holder, "exit")
      holder.stdin.end(JSON.stringify(host.image))
      const [line] = await Promise.race([once(holder.stdout, "data"), exited])
      assert.equal(String(line), "starting\n")
      await delay(afterMs)
      holder.kill("SIGKILL")
      await exited
      await using left = await openCgroups({ ...(await readCgroupTexts()), uid: 0, home })
      await untilEmpty(await cgroupDirectoriesOf(left), GIVE_UP_MS)
      await left.sweep()
    }
  })
})
