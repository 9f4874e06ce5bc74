import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import { closeSync, openSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, test } from "node:test"
import { parseDomainId } from "@skerry/model"
import { identify, outputOf } from "./support/vm-agent.ts"
import { openVmHost, VM_LIMITS, VM_SHAPE, VM_STEP_MS } from "./support/vm-host.ts"

/* The disk of the domain that keeps the state store. */

const VOLUME_BYTES = 256 * 1024 * 1024

describe("a domain with a volume", { skip: process.getuid?.() !== 0 }, () => {
  test("finds there what another one has synchronised before it was killed", async () => {
    await using host = await openVmHost()
    await using backend = await host.open()
    const path = join(host.folder, "volume")
    writeFileSync(path, "")
    truncateSync(path, VOLUME_BYTES)
    execFileSync("mkfs.ext4", ["-q", path])
    const volume = openSync(path, "r+")
    const inDomain = async (script: string) => {
      const request = { id: parseDomainId("volume"), limits: VM_LIMITS, onConsole: () => {}, volume }
      await using domain = await backend.boot(host.image, VM_SHAPE, request, AbortSignal.timeout(VM_STEP_MS))
      await identify(domain)
      return await outputOf(domain, script)
    }
    try {
      assert.equal(
        await inDomain("cd /var/lib/skerry && echo kept > file && sync && id -u && cat file"),
        "1000\nkept",
      )
      assert.equal(await inDomain("cat /var/lib/skerry/file"), "kept")
    } finally {
      closeSync(volume)
    }
  })
})
