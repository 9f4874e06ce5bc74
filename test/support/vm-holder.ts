/*
 * A daemon in small, to be killed while it starts a domain: argv names its home and, where it is not the shared one, its
 * cache directory; its input is the image.
 */
import { text } from "node:stream/consumers"
import { parseDomainId } from "@skerry/model"
import { openVmHost, VM_LIMITS, VM_SHAPE, VM_STEP_MS } from "./vm-host.ts"

const [home = "", cacheDirectory] = process.argv.slice(2)
const image = JSON.parse(await text(process.stdin))
const host = await openVmHost({ image, home, ...(cacheDirectory === undefined ? {} : { cacheDirectory }) })
const backend = await host.open()
const never = AbortSignal.timeout(VM_STEP_MS)
const template = await backend.prepare(host.image, VM_SHAPE, never)
process.stdout.write("starting\n")
const request = { id: parseDomainId("held"), limits: VM_LIMITS, onConsole: () => {} }
const domain = await backend.start(template, request, never)
await domain.exited
