import assert from "node:assert/strict"
import { readdirSync, readlinkSync } from "node:fs"
import { setTimeout as delay } from "node:timers/promises"
import { hostTraces } from "../../packages/isolation/src/conformance-traces.ts"
import type { VmHost } from "./vm-host.ts"

/** Descriptors are closed a moment after what they belonged to has ended. */
const CLOSED_MS = 5000
const LOOK_MS = 10

/** Runs `body`, then looks for processes, cgroups, mounts, files and open descriptors that were not there before. */
export async function leavesNothing(
  host: VmHost,
  watched: readonly string[],
  body: () => Promise<void>,
): Promise<void> {
  const directories = [...host.cgroupDirectories, ...watched]
  const before = await hostTraces(directories)
  const descriptors = openDescriptors()
  await body()
  assert.deepEqual(await hostTraces(directories), before, "left behind on the host")
  const endMs = performance.now() + CLOSED_MS
  while (openDescriptors().length > descriptors.length && performance.now() < endMs) await delay(LOOK_MS)
  const left = openDescriptors()
  assert.ok(left.length <= descriptors.length, `open: ${left.join(" ")}, before: ${descriptors.join(" ")}`)
}

/** What our descriptors stand for; those that the runtime opens once for itself are not counted. */
function openDescriptors(): string[] {
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`)
      return /^(socket:|\/memfd:|\/[^d].*\.erofs|\/.*templates)/.test(target) ? [target] : []
    } catch {
      return [] // the descriptor that listed the others
    }
  })
}

/** One sentence for people: no line ends, no name of a class, nothing of the program's own making. */
export function assertSentence(error: unknown, code: string, words: RegExp): void {
  assert.ok(error instanceof Error && "code" in error, `${error}`)
  assert.equal(error.code, code, error.message)
  assert.match(error.message, words)
  assert.doesNotMatch(error.message, /\n|undefined|\[object|Error:|^$/)
  assert.match(error.message, /^[A-Z/]/)
  assert.ok(error.message.length < 600, error.message)
}
