import type { Domain } from "@skerry/isolation"
import type { Rule } from "@skerry/policy"
import { type CallParams, type CallState, findCallProblem } from "@skerry/rpc"
import type { AuditLog } from "../audit/audit-log.ts"
import type { DomainDriver } from "../domain-driver.ts"
import type { Domains } from "../domains.ts"
import type { Asker } from "../prompts/asker.ts"
import type { RememberedAnswers } from "../remembered/remembered-answers.ts"
import { BrokeredCall } from "./brokered-call.ts"
import type { CallPipes } from "./call-pipes.ts"
import { type CallRecord, type CallSource, HOST_NAME } from "./call-record.ts"
import type { HostService } from "./host-services.ts"
import type { PolicyView } from "./policy-view.ts"
import { type Refusal, undecided } from "./refusal.ts"
import { type SourceLimits, SourceUse } from "./source-limits.ts"

export interface CallSettings extends SourceLimits {
  /** Calls that may lead to each other: A calls B, whose service calls A, and so on. */
  readonly depth: number
}

export interface BrokerParts {
  readonly domains: Domains
  /** What decides now; a promise where something has to be read first. */
  readonly view: () => PolicyView | Promise<PolicyView>
  readonly settings: () => CallSettings
  readonly asker: Asker
  readonly remembered: RememberedAnswers
  readonly audit: AuditLog
  /** A service of the host, if there is one of that name. */
  readonly findHostService: (name: string) => HostService | undefined
  /** Pipes between two domains, where both take them. */
  readonly openPipes: (source: Domain | undefined, target: Domain | undefined) => CallPipes | undefined
  /** Uses up a rule with `once`; false: it was used before. */
  readonly spend: (rule: Rule) => Promise<boolean>
  readonly now: () => number
  readonly monotonicMs: () => number
  readonly freshId: () => string
}

/** Takes every call, from domains and from the host: bounds it, lets the policy decide, and carries it out. */
export class CallBroker {
  readonly #parts: BrokerParts
  readonly #calls = new Map<string, BrokeredCall>()
  readonly #sources = new Map<DomainDriver, CallSource>()
  readonly #host: CallSource
  #isEnding = false

  constructor(parts: BrokerParts) {
    this.#parts = parts
    // The user's own calls are bounded by what the connections of the CLI may have open.
    const unbounded = {
      atOnce: Number.POSITIVE_INFINITY,
      perSecond: Number.MAX_VALUE,
      burst: Number.MAX_VALUE,
    }
    this.#host = {
      name: HOST_NAME,
      driver: undefined,
      unrecordedRefusals: 0,
      use: new SourceUse(() => unbounded, parts.monotonicMs),
    }
  }

  fromDomain(driver: DomainDriver, untrustedParams: CallParams, state: CallState): void {
    this.#open(this.#sourceOf(driver), untrustedParams, state)
  }

  fromHost(params: CallParams, state: CallState): void {
    this.#open(this.#host, params, state)
  }

  /** Ends every call, and refuses those that come. */
  end(): void {
    this.#isEnding = true
    for (const call of [...this.#calls.values()]) call.end()
    for (const source of this.#sources.values()) this.#recordRefusals(source)
  }

  #open(source: CallSource, untrustedParams: CallParams, state: CallState): void {
    const parent = this.#parentOf(source, untrustedParams)
    const depth = (parent?.depth ?? 0) + 1
    const id = this.#parts.freshId()
    const overLimit = source.use.take()
    const onOver = () => {
      this.#calls.delete(id)
      if (overLimit === undefined) source.use.release()
    }
    const start = { id, source, params: untrustedParams, depth, parent }
    const call = new BrokeredCall(this.#parts, start, state, onOver)
    this.#calls.set(id, call)
    const refusal =
      overLimit === undefined ? this.#refusalOf(source, untrustedParams, depth) : tooMany(source, overLimit)
    if (refusal === undefined) call.start(this.#parts.view())
    else call.refuse(refusal)
  }

  /** What keeps a call from being decided at all. */
  #refusalOf(source: CallSource, untrustedParams: CallParams, depth: number): Refusal | undefined {
    this.#recordRefusals(source)
    if (this.#isEnding) return undecided("The daemon is on its way to its end")
    const problem = findCallProblem(untrustedParams)
    if (problem !== undefined) return { code: "bad-request", message: problem, why: problem }
    const { depth: maxDepth } = this.#parts.settings()
    if (depth <= maxDepth) return undefined
    const why = `${depth} calls lead to each other, settings.calls.depth allows ${maxDepth}`
    return { code: "loop", message: why, why }
  }

  #recordRefusals(source: CallSource): void {
    const more = source.unrecordedRefusals - 1
    source.unrecordedRefusals = 0
    if (more < 1) return
    const note = `${more} more calls were refused since the last that was: they came too fast`
    this.#parts.audit.append({ kind: "decision", verdict: "deny", source: source.name, note })
  }

  /** The call whose service makes this one: believed only where that service runs in the domain that says so. */
  #parentOf(source: CallSource, { parent: untrustedId }: CallParams): CallRecord | undefined {
    if (untrustedId === "") return undefined
    const parent = this.#calls.get(untrustedId)
    return parent?.target !== undefined && parent.target === source.driver ? parent : undefined
  }

  #sourceOf(driver: DomainDriver): CallSource {
    const known = this.#sources.get(driver)
    if (known !== undefined) return known
    const source: CallSource = {
      name: driver.plan.id,
      driver,
      unrecordedRefusals: 0,
      use: new SourceUse(this.#parts.settings, this.#parts.monotonicMs),
    }
    this.#sources.set(driver, source)
    void driver.ended.then(() => {
      this.#sources.delete(driver)
      this.#recordRefusals(source)
      this.#parts.remembered.domainEnded(driver.plan.id, driver.plan.isDisposable)
    })
    return source
  }
}

/** Recorded once for all that follow: a flood must not push everything else out of the audit log. */
function tooMany(source: CallSource, why: string): Refusal {
  const isRecorded = source.unrecordedRefusals === 0
  source.unrecordedRefusals += 1
  return { code: "too-many-calls", message: `Too many calls: ${why}`, why, isRecorded }
}
