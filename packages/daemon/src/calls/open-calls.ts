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

import { confirmService } from "./confirm-service.ts"
import type { HostService } from "./host-services.ts"
import type { FindOwnService } from "./own-services.ts"
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
  /** Services of the host that its user wrote. */
  readonly findOwnService: FindOwnService
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
  const { domains, events, asker, remembered, audit, now, findOwnService } = options
  const spent = new SpentRules(options.stateDirectory)
  const source = new PolicySource({ ...options, directories: options.policyDirectories, spent })
  const view = () => source.view()
  const own = new Map<string, HostService>([
    ...adminServices({ domains, events, view }),
    ["skerry.Confirm", confirmService({ asker, remembered, audit, now })],
  ])
  const broker = new CallBroker({
    ...options,
    view,
    spend: (rule) => spent.spend(rule),
    findHostService: (name) => own.get(name) ?? findOwnService(name),
    freshId: randomUUID,
  })
  return {
    handlers: [bareHandler(ADMIN.call, (params, state) => broker.fromHost(params, state))],
    fromDomain: (driver, untrustedParams, state) => broker.fromDomain(driver, untrustedParams, state),
  }
}
