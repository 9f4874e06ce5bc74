/* A daemon in small, to be killed while it starts a domain: argv names its home, its input is the image. */
import { text } from "node:stream/consumers"
import { parseDomainId } from "@skerry/model"
import { openVmHost, VM_LIMITS, VM_SHAPE, VM_STEP_MS } from "./vm-host.ts"

const [home = ""] = process.argv.slice(2)
const host = await openVmHost({ image: JSON.parse(await text(process.stdin)), home })
const backend = await host.open()
const never = AbortSignal.timeout(VM_STEP_MS)
const template = await backend.prepare(host.image, VM_SHAPE, never)
process.stdout.write("starting\n")
const request = { id: parseDomainId("held"), limits: VM_LIMITS, onConsole: () => {} }
const domain = await backend.start(template, request, never)
await domain.exited
