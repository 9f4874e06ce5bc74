/* A daemon in small, to be killed: starts one domain, says which processes it has, and how it ended. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { openCgroups, readCgroupTexts } from "@skerry/isolation"
import { parseDomainId } from "@skerry/model"
import { ask, LIMITS, openTestBackend, SHAPE, testAccounts } from "./isolation-fixture.ts"

const { image, folder } = JSON.parse(await text(process.stdin))
const cgroups = await openCgroups({ ...(await readCgroupTexts()), uid: 0, home: `${folder}-holder` })
const backend = await openTestBackend({
  cacheDirectory: join(folder, "cache"),
  cgroups,
  accounts: testAccounts(join(folder, "holder")),
})
const request = { id: parseDomainId("held"), limits: LIMITS, onConsole: () => {} }
const domain = await backend.boot(image, SHAPE, request, AbortSignal.timeout(20_000))
await ask(domain.channel, { kind: "hello" })
const { pid } = domain.processes
const launcher = Number(/^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1])
process.stdout.write(`${JSON.stringify({ pid, launcher })}\n`)
const exit = await domain.exited
await cgroups[Symbol.asyncDispose]()
process.stdout.write(`${JSON.stringify(exit)}\n`)
process.exit(0)
