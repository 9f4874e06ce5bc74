import assert from "node:assert/strict"
import { homedir } from "node:os"
import { test } from "node:test"
import { parseDomainId } from "@skerry/model"
import { identify } from "./support/vm-agent.ts"
import { assertConfined } from "./support/vm-confinement.ts"
import { openVmHost, VM_LIMITS, VM_SHAPE, VM_STEP_MS } from "./support/vm-host.ts"

const never = () => AbortSignal.timeout(VM_STEP_MS)

test("QEMU has no rights, seen from outside, as a clone and freshly booted", {
  skip: process.getuid?.() !== 0,
}, async (t) => {
  await using host = await openVmHost()
  await using backend = await host.open()
  await using template = await backend.prepare(host.image, VM_SHAPE, never())
  const request = (id: string) => ({ id: parseDomainId(id), limits: VM_LIMITS, onConsole: () => {} })
  await using first = await backend.start(template, request("first"), never())
  await using second = await backend.start(template, request("second"), never())
  await using booted = await backend.boot(host.image, VM_SHAPE, request("booted"), never())
  await Promise.all([first, second, booted].map(identify))
  const seen = [first, second, booted].map(({ processes }) => processes)
  if (host.cgroupDirectories.length > 0) for (const { cgroups } of seen) assert.ok(cgroups.length > 0)
  else t.diagnostic("no cgroups on this host")
  const hidden = [homedir(), host.folder, import.meta.dirname, "/run", "/tmp", "/home", "/etc", "/var"]
  for (const each of seen)
    assertConfined(
      each,
      seen.filter((other) => other !== each),
      hidden,
    )
})
