import assert from "node:assert/strict"
import { once } from "node:events"
import { Socket } from "node:net"
import { openLinux } from "@skerry/linux"
import type { IsolationBackend, StartRequest } from "./backend.ts"
import type { ConformanceTarget } from "./conformance.ts"

const linux = openLinux()
const NAME = "conformance.port-1"

/** A port, used, left by the host, taken away and added anew: the domain goes on. */
export async function portConformance(
  backend: IsolationBackend,
  target: ConformanceTarget,
  request: StartRequest,
  signal: () => AbortSignal,
): Promise<void> {
  const { echoOnPort, portNames } = target
  assert.ok(echoOnPort && portNames, "the suite needs echoOnPort and portNames for this backend")
  await using template = await backend.prepare(target.image, target.shape, signal())
  await using domain = await backend.start(template, request, signal())
  await target.awaitAgent(domain.channel, signal())
  const { addPort, removePort } = {
    addPort: domain.addPort?.bind(domain),
    removePort: domain.removePort?.bind(domain),
  }
  assert.ok(addPort && removePort)
  for (const round of ["first", "second"]) {
    const [ours, theirs] = linux.socketPair()
    const socket = new Socket({ fd: ours })
    await addPort(NAME, theirs)
    const echo = echoOnPort(domain, NAME)
    socket.write(`${round}\n`)
    assert.equal(String((await once(socket, "data", { signal: signal() }))[0]), `heard ${round}\n`)
    await echo
    if (round === "first") socket.destroy() // the host's end goes: the domain does not mind
    assert.deepEqual(await portNames(domain), [NAME])
    const closed = round === "first" ? Promise.resolve() : once(socket, "close", { signal: signal() })
    await removePort(NAME)
    await closed
    assert.deepEqual(await portNames(domain), [])
  }
  await removePort(NAME)
  await target.awaitAgent(domain.channel, signal())
}
