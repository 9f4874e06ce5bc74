import { parseDomainId } from "@skerry/model"
import { Agent } from "./agent.ts"
import type { DomainPlan } from "./domain-plan.ts"
import type { Templates } from "./templates.ts"

let measured = 0

/**
 * Starts a domain that nobody else sees, waits for its agent's first answer and ends it. Microseconds from the request
 * to the answer; loading the template is not part of it.
 */
export async function measureStart(
  parts: { readonly templates: Templates; readonly now: () => number },
  { mould }: DomainPlan,
  boot: boolean,
  signal: AbortSignal,
): Promise<number> {
  const { backend, image, shape, limits } = mould
  const request = { id: parseDomainId(`measure-${measured++}`), limits, onConsole: () => {} }
  return await parts.templates.hold({ ...mould, signal }, async (template) => {
    const startMs = performance.now()
    await using domain = boot
      ? await backend.boot(image, shape, request, signal)
      : await backend.start(template, request, signal)
    await new Agent(domain.channel, parts.now).answer(signal)
    return Math.round((performance.now() - startMs) * 1000)
  })
}
