import type { PolicyRequest } from "./evaluate.ts"
import { loadPolicy, type Policy } from "./load.ts"
import { type DomainFacts, type SystemView, systemView } from "./system-view.ts"

/** For this package's tests: one file of rules. */
export const policyOf = (...lines: readonly string[]): Policy =>
  loadPolicy(new Map([["30-test.policy", lines.join("\n")]]))

export const domain = (more: Partial<DomainFacts> = {}): DomainFacts => ({
  tags: [],
  type: "AppVM",
  templateForDisposables: false,
  isRunning: true,
  ...more,
})

/** The host, and mail, work, vault; disposables of paper, which is mail's default. */
export const smallSystem = (more: Readonly<Record<string, DomainFacts>> = {}): SystemView =>
  systemView({
    dom0: domain({ type: "AdminVM" }),
    mail: domain({ tags: ["net"], defaultDisposable: "paper" }),
    work: domain({ tags: ["office"] }),
    vault: domain({ isRunning: false }),
    paper: domain({ templateForDisposables: true }),
    ...more,
  })

/** SERVICE[+ARGUMENT], from mail to work. */
export function request(service: string, more: Partial<PolicyRequest> = {}): PolicyRequest {
  const plus = service.indexOf("+")
  return {
    service: plus < 0 ? service : service.slice(0, plus),
    argument: plus < 0 ? "+" : service.slice(plus),
    source: "mail",
    target: "work",
    ...more,
  }
}
