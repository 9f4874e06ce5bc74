import assert from "node:assert/strict"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after } from "node:test"
import { openCgroups, readCgroupTexts } from "@skerry/isolation"
import { isolationConformance } from "@skerry/isolation/conformance"
import { ask, buildTestImage, hasSubIds, openTestBackend, SHAPE, testAccounts } from "./isolation-fixture.ts"

const folder = mkdtempSync(join(tmpdir(), "skerry-bubblewrap-"))
after(() => rmSync(folder, { recursive: true }))

const uid = process.getuid?.() ?? 0
if (uid === 0 || hasSubIds()) {
  const image = await buildTestImage(folder)
  const texts = await readCgroupTexts()
  const cgroups = await openCgroups({ ...texts, uid, home: folder })
  const noCgroups = await openCgroups({ mountinfo: "", selfCgroup: "", uid, home: folder })
  after(() => cgroups[Symbol.asyncDispose]())
  const cacheDirectory = join(folder, "cache")
  const accounts = testAccounts(folder)
  after(() => accounts[Symbol.dispose]())
  const probe = await cgroups.create("probe" as never, {
    memoryBytes: 1 << 30,
    processes: 10,
    cpuWeight: 100,
  })
  const cgroupDirectories = probe.paths.map((path) => join(path, ".."))
  await probe[Symbol.asyncDispose]()

  for (const [name, each] of Object.entries({
    bubblewrap: cgroups,
    "bubblewrap without cgroups": noCgroups,
  })) {
    isolationConformance(name, {
      open: () => openTestBackend({ cacheDirectory, cgroups: each, accounts }),
      image,
      shape: SHAPE,
      awaitAgent: async (channel, signal) =>
        assert.equal(await ask(channel, { kind: "hello" }, signal), "hello"),
      print: async (domain, text) => {
        await ask(domain.channel, { kind: "print", text })
      },
      powerOff: (domain) => domain.channel.write('{"kind":"exit","code":0}\n'),
      kill: (domain) => process.kill(domain.processes.pid, "SIGKILL"),
      writeToDescriptor: async (domain, descriptor, text) => {
        domain.sendDescriptors?.([descriptor], 0)
        assert.equal(await ask(domain.channel, { kind: "descriptor", text }), 1)
      },
      watched: cgroupDirectories,
      hasProcesses: true,
      stepMs: 20_000,
    })
  }
}
