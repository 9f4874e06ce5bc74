import { after } from "node:test"
import { vmConformance } from "./support/vm-conformance.ts"
import { openVmHost } from "./support/vm-host.ts"

if (process.getuid?.() === 0) {
  const host = await openVmHost()
  after(() => host[Symbol.asyncDispose]())
  vmConformance("qemu", host)
}
