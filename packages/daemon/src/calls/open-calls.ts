import { randomUUID } from "node:crypto"
import { ADMIN, bareHandler, type CallParams, type CallState, type Handlers } from "@skerry/rpc"
import type { AuditLog } from "../audit/audit-log.ts"
import type { DomainDriver } from "../domain-driver.ts"
import type { DomainEvents } from "../domain-events.ts"
import type { Domains } from "../domains.ts"
import type { Generations } from "../generations.ts"
import type { Asker } from "../prompts/asker.ts"
import type { RememberedAnswers } from "../remembered/remembered-answers.ts"
import { adminServices } from "./admin-services.ts"
import { CallBroker, type CallSettings } from "./broker.ts"

import type { HostService } from "./host-services.ts"
import { PolicySource } from "./policy-source.ts"
import { SpentRules } from "./spent-rules.ts"

export interface CallsOptions {
  readonly stateDirectory: string
  readonly policyDirectories: readonly string[]
  readonly generations: Generations
  readonly domains: Domains
  readonly events: DomainEvents
  readonly settings: () => CallSettings
  readonly asker: Asker
  readonly remembered: RememberedAnswers
  readonly audit: AuditLog
  /** More services of the host, by name. */
  readonly hostServices: readonly (readonly [string, HostService])[]
  readonly now: () => number
  readonly monotonicMs: () => number
  readonly onNotice: (text: string) => void
}

export interface Calls {
  readonly handlers: Handlers
  fromDomain(driver: DomainDriver, untrustedParams: CallParams, state: CallState): void
}

/** All that decides and carries calls, put together. */
export function openCalls(options: CallsOptions): Calls {
  const { domains, events, asker, remembered, now } = options
  const spent = new SpentRules(options.stateDirectory)
  const source = new PolicySource({ ...options, directories: options.policyDirectories, spent })
  const view = () => source.view()
  const broker = new CallBroker({
    ...options,
    view,
    spend: (rule) => spent.spend(rule),
    hostServices: new Map([
      ...adminServices({ domains, events, view }),

      ...options.hostServices,
    ]),
    freshId: randomUUID,
  })
  return {
    handlers: [bareHandler(ADMIN.call, (params, state) => broker.fromHost(params, state))],
    fromDomain: (driver, untrustedParams, state) => broker.fromDomain(driver, untrustedParams, state),
  }
}
