import { after } from "node:test"
import { hasSubIds } from "./isolation-fixture.ts"
import { vmConformance } from "./support/vm-conformance.ts"
import { openVmHost } from "./support/vm-host.ts"

if (process.getuid?.() === 0 || hasSubIds()) {
  const host = await openVmHost()
  after(() => host[Symbol.asyncDispose]())
  vmConformance("qemu", host)
}
