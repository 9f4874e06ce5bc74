import { randomUUID } from "node:crypto"
import { join } from "node:path"
import type { HostPaths } from "@skerry/model"
import type { Decision } from "@skerry/policy"
import { ADMIN, bareHandler, type CallParams, type CallState, type Handlers } from "@skerry/rpc"
import type { AuditLog } from "../audit/audit-log.ts"
import { auditHandlers } from "../audit/handlers.ts"
import { openAudit } from "../audit/open-audit.ts"
import type { DomainDriver } from "../domain-driver.ts"
import type { DomainEvents } from "../domain-events.ts"
import type { Domains } from "../domains.ts"
import type { Generations } from "../generations.ts"
import { Prompts } from "../prompts/prompts.ts"
import { Pump } from "../pump/pump.ts"
import { grantHandlers, revocation } from "../remembered/handlers.ts"
import { Remembered } from "../remembered/remembered.ts"
import { adminServices } from "./admin-services.ts"
import { type BrokerParts, CallBroker, type CallSettings } from "./broker.ts"
import { CallPipes, type PipeMaker } from "./call-pipes.ts"
import { confirmService } from "./confirm-service.ts"
import { dateService } from "./date-service.ts"
import type { HostService } from "./host-services.ts"
import { ownServices } from "./own-services.ts"
import { PolicySource } from "./policy-source.ts"
import { SpentRules } from "./spent-rules.ts"

export interface CallsOptions {
  readonly paths: HostPaths
  readonly uid: number
  /** Of services that the user wrote. */
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly policyDirectories: readonly string[]
  readonly generations: Generations
  readonly domains: Domains
  readonly events: DomainEvents
  readonly settings: () => CallSettings & { readonly promptSeconds: number }
  readonly now: () => number
  readonly monotonicMs: () => number
  readonly randomBytes: (count: number) => Uint8Array
  readonly onNotice: (text: string) => void
  /** For pipes between domains; undefined: calls use streams alone. */
  readonly pipes?: PipeMaker["linux"] | undefined
}

/** Labels of pipes are u32, and never 0. */
const MOST_LABEL = 0xffff_ffff

export interface Calls {
  /** What clients may ask: calls, prompts, remembered answers, the audit log. */
  readonly handlers: Handlers
  fromDomain(driver: DomainDriver, untrustedParams: CallParams, state: CallState): void
  readonly audit: AuditLog
  /** What the policy says now of something that is told rather than called. */
  decide(source: string, asked: Pick<CallParams, "service" | "argument" | "target">): Promise<Decision>
  /** No question is asked any more, and everything is written down. */
  end(): Promise<void>
}

/** All that decides, carries and records calls, put together. Throws where the state cannot be read or written. */
export function openCalls(options: CallsOptions): Calls {
  const { paths, uid, domains, events, now, monotonicMs, onNotice } = options
  const { state, configuration } = paths
  const audit = openAudit({ ...options, state })
  const remembered = new Remembered({ state, now, onNotice })
  const spent = new SpentRules(state)
  const promptMs = () => options.settings().promptSeconds * 1000
  const prompts = new Prompts({ promptMs, monotonicMs, now, onNotice })
  const source = new PolicySource({ ...options, directories: options.policyDirectories, spent })
  const view = () => source.view()
  const services = new Map<string, HostService>([
    ...adminServices({ domains, events, view }),
    ["qubes.GetDate", dateService(now)],
    ["skerry.Confirm", confirmService({ asker: prompts, remembered, audit, now })],
  ])
  const { environment } = options
  const findOwn = ownServices({ directory: join(configuration, "host-services"), uid, environment })
  const pump = options.pipes === undefined ? undefined : new Pump(options.pipes)
  let lastLabel = 0
  const openPipes: BrokerParts["openPipes"] = (source, target) => {
    if (options.pipes === undefined || pump === undefined) return undefined
    lastLabel = (lastLabel % MOST_LABEL) + 1
    return CallPipes.open({ linux: options.pipes, pump }, lastLabel, source, target)
  }
  const broker = new CallBroker({
    ...options,
    ...{ view, asker: prompts, remembered, audit, openPipes },
    spend: (rule) => spent.spend(rule),
    findHostService: (name) => services.get(name) ?? findOwn(name),
    freshId: randomUUID,
  })
  const onRevoked = (row: Parameters<typeof revocation>[0]) => audit.append(revocation(row))
  return {
    handlers: [
      bareHandler(ADMIN.call, (params, callState) => broker.fromHost(params, callState)),
      ...prompts.handlers,
      ...auditHandlers(audit),
      ...grantHandlers({ remembered, now, onRevoked }),
    ],
    fromDomain: (driver, untrustedParams, callState) => broker.fromDomain(driver, untrustedParams, callState),
    audit,
    decide: async (source, asked) => (await view()).decide(source, asked),
    async end() {
      broker.end()
      prompts.end()
      await pump?.[Symbol.asyncDispose]()
      await remembered.end()
      await audit.end()
    },
  }
}
