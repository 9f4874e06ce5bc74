/*
 * What an ordinary user does in vm-backend-user.test.ts: argv names a file with the image, a cache directory, and
 * "conformance" or "hold". The latter starts two domains, prints what the host sees of them, and ends with its input.
 */
import { readFileSync } from "node:fs"
import { text } from "node:stream/consumers"
import { after } from "node:test"
import { parseDomainId } from "@skerry/model"
import { identify } from "./vm-agent.ts"
import { vmConformance } from "./vm-conformance.ts"
import { openVmHost, VM_LIMITS, VM_SHAPE, VM_STEP_MS, type VmHost } from "./vm-host.ts"

const [imageFile = "", cacheDirectory = "", what] = process.argv.slice(2)
const image = JSON.parse(readFileSync(imageFile, "utf8"))
const host = await openVmHost({ image, cacheDirectory })

if (what === "conformance") {
  after(() => host[Symbol.asyncDispose]())
  vmConformance("qemu, by an ordinary user", host)
} else {
  await hold(host)
  await host[Symbol.asyncDispose]()
}

async function hold({ open }: VmHost): Promise<void> {
  await using backend = await open()
  const never = AbortSignal.timeout(VM_STEP_MS)
  await using template = await backend.prepare(image, VM_SHAPE, never)
  const request = (id: string) => ({ id: parseDomainId(id), limits: VM_LIMITS, onConsole: () => {} })
  await using first = await backend.start(template, request("first"), never)
  await using second = await backend.start(template, request("second"), never)
  await Promise.all([identify(first), identify(second)])
  process.stdout.write(`${JSON.stringify([first.processes, second.processes])}\n`)
  await text(process.stdin)
}
