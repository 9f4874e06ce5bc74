import assert from "node:assert/strict"
import { after, before, describe, test } from "node:test"
import { setTimeout as delay } from "node:timers/promises"
import type { Domain, Template } from "@skerry/isolation"
import { parseDomainId } from "@skerry/model"
import { Agent } from "../packages/daemon/src/agent.ts"
import { agentOf, identify, outputOf, runScript, someIdentity } from "./support/vm-agent.ts"
import {
  openVmHost,
  VM_LIMITS,
  VM_SHAPE,
  VM_STEP_MS,
  type VmBackend,
  type VmHost,
} from "./support/vm-host.ts"

/* A clone starts as an exact copy of its template. Here two and more of them are compared, point by point. */

const CLONES = 4
const CLOCK_MS = 1000
const PAUSE_MS = 1500
const BOOT_ID = "/proc/sys/kernel/random/boot_id"
const UNMOUNT = "/usr/lib/skerry/busybox umount"
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const never = () => AbortSignal.timeout(VM_STEP_MS)

describe("clones of one template", { skip: process.getuid?.() !== 0 }, () => {
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

  const start = () =>
    backend.start(
      template,
      { id: parseDomainId(`clone-${count++}`), limits: VM_LIMITS, onConsole: () => {} },
      never(),
    )

  /** Several that are started at once, so that nothing but their identity tells them apart. */
  async function startSome(): Promise<Domain[]> {
    return await Promise.all(
      Array.from({ length: CLONES }, async () => {
        const domain = stack.use(await start())
        await identify(domain)
        return domain
      }),
    )
  }

  const assertDistinct = (values: readonly string[]) =>
    assert.equal(new Set(values).size, values.length, values.join("\n"))

  test("run no command before they have been identified", async () => {
    await using domain = await start()
    await agentOf(domain.channel).answer(never())
    await assert.rejects(runScript(domain, "true"), { code: "not-identified" })
    await identify(domain)
    assert.equal((await runScript(domain, "true")).status, "0")
  })

  test("draw different random numbers from the kernel, from the first on", async () => {
    const early = Promise.all(
      Array.from({ length: CLONES }, async () => {
        await using domain = await start()
        const agent = agentOf(domain.channel)
        // Sent in one go: the command starts as soon as it can.
        const identified = agent.identify(someIdentity(domain.id))
        const output = outputOf(domain, "od -An -v -tx1 -N32 /dev/urandom; cat /proc/sys/kernel/random/uuid")
        await identified
        return (await output).split("\n")
      }),
    )
    const all = (await early).flat()
    assert.equal(all.length, 3 * CLONES)
    assertDistinct(all)
  })

  test("have the machine-id and the host name that they were given", async () => {
    const told = await Promise.all(
      Array.from({ length: 2 }, async (_, index) => {
        await using domain = await start()
        const identity = someIdentity(`host-${index}`)
        await agentOf(domain.channel).identify(identity)
        const output = await outputOf(domain, "cat /etc/machine-id; uname -n; cat /proc/sys/kernel/hostname")
        assert.deepEqual(output.split("\n"), [identity.machineId, identity.hostName, identity.hostName])
        return identity.machineId
      }),
    )
    assertDistinct(told)
  })

  test("have boot ids of their own, which stay, and are not the template's", async () => {
    const ids = await Promise.all(
      (await startSome()).map(async (domain) => {
        const [id = "", again = ""] = (await outputOf(domain, `cat ${BOOT_ID}; cat ${BOOT_ID}`)).split("\n")
        assert.match(id, UUID)
        assert.equal(again, id)
        const asRoot = await runScript(domain, `${UNMOUNT} ${BOOT_ID} && cat ${BOOT_ID}`, { user: "root" })
        assert.match(asRoot.stdout.trim(), UUID)
        return [id, asRoot.stdout.trim()] as const
      }),
    )
    // Under the file put there in its place, the kernel's own is still the template's.
    const templates = new Set(ids.map(([, kernels]) => kernels))
    assert.equal(templates.size, 1)
    assertDistinct([...ids.map(([own]) => own), ...templates])
  })

  for (const [when, shiftMs] of [
    ["now", 0],
    ["ten minutes after its template was made", 600_000],
    ["a year later", 365 * 86_400_000],
    ["on a host whose clock was set back an hour", -3_600_000],
  ] as const) {
    test(`have the host's time when they start ${when}`, async () => {
      await using domain = await start()
      const now = () => Date.now() + shiftMs
      const agent = new Agent(domain.channel, now)
      await agent.identify(someIdentity(domain.id))
      await assertClock(agent, now)
    })
  }

  test("have the host's time after a pause", async () => {
    await using domain = await start()
    const agent = await identify(domain)
    await domain.pause()
    await delay(PAUSE_MS) // time has to pass: that is what a pause is
    await domain.resume()
    await agent.setClock()
    await assertClock(agent, Date.now)
  })

  test("are of one image, and see nothing of each other", async () => {
    const [first, second] = await startSome()
    assert.ok(first && second)
    const look =
      "uname -r; cat /proc/cmdline; sha256sum /usr/lib/skerry/agent.cjs /etc/passwd; ls /sys/class/net"
    const seen = await outputOf(first, look)
    assert.equal(await outputOf(second, look), seen)
    assert.match(seen, /\nlo$/, "no network interface but loopback")
    assert.equal((await runScript(first, "echo mine >/tmp/mark && cat /tmp/mark")).stdout, "mine\n")
    assert.notEqual((await runScript(second, "cat /tmp/mark")).status, "0")
    await using next = await start()
    await identify(next)
    assert.notEqual((await runScript(next, "cat /tmp/mark")).status, "0")
  })
})

/** The guest's clock is asked between two looks at the host's. */
async function assertClock(agent: Agent, hostNow: () => number): Promise<void> {
  const command = {
    argv: ["/bin/date", "+%s%3N"],
    ...{
      environment: [],
      workingDirectory: "/",
      user: "user" as const,
      terminal: undefined,
      descriptors: false,
    },
  }
  const earliest = hostNow()
  const call = agent.exec(command, () => {}, never())
  call.stdin.end()
  call.stderr.resume()
  let text = ""
  for await (const piece of call.stdout) text += String(piece)
  await call.result
  const latest = hostNow()
  const guest = Number(text)
  assert.ok(
    guest >= earliest - CLOCK_MS && guest <= latest + CLOCK_MS,
    `${guest} is not in ${earliest}–${latest}`,
  )
}
