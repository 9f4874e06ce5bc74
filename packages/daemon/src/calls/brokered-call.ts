import type { Allow, Ask, Decision } from "@skerry/policy"
import {
  type CallDown,
  CallFailure,
  type CallParams,
  type CallState,
  call as callMethod,
  encodeFailure,
  type Question,
  type ServiceCallErrorCode,
  STREAM,
} from "@skerry/rpc"
import { encode } from "@skerry/wire"
import type { AuditFields } from "../audit/audit-log.ts"
import type { DomainDriver } from "../domain-driver.ts"
import { messageOf } from "../errors.ts"
import type { BrokerParts } from "./broker.ts"
import type { CallPipes } from "./call-pipes.ts"
import type { CallRecord, CallSource } from "./call-record.ts"
import { CallRecords, NOTHING_CARRIED } from "./call-records.ts"
import { callService, type JoinedService } from "./call-service.ts"
import { runHostService } from "./host-services.ts"
import { isHostTarget, type PolicyView } from "./policy-view.ts"
import { type Refusal, refused, ruleOf, shown, undecided } from "./refusal.ts"
import { openTarget, type TargetDomain } from "./target-domain.ts"

/** Node takes what is longer for a millisecond; 24 days are as good as no deadline. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

type Start = Pick<CallRecord, "id" | "source" | "params" | "depth" | "parent">

/**
 * One call from its arrival to its end:
 *   arrived ── policy ──▶ denied | asking | allowed ── target's domain ──▶ connecting ── agent ──▶ relayed ──▶ over
 * From everywhere: the caller gives up, the deadline passes. Where the policy allows and the target runs, nothing is
 * waited for between arrival and relaying.
 */
export class BrokeredCall implements CallRecord {
  readonly id: string
  readonly source: CallSource
  readonly params: CallParams
  readonly depth: number
  readonly parent: CallRecord | undefined
  target: DomainDriver | undefined
  readonly #parts: BrokerParts
  readonly #state: CallState
  readonly #records: CallRecords
  readonly #onOver: () => void
  #deadline: NodeJS.Timeout | undefined
  #ending: AbortController | undefined
  #disposable: DomainDriver | undefined
  #joined: JoinedService | undefined
  #giveUpHost: ((reason: Error) => void) | undefined
  #isOver = false

  constructor(parts: BrokerParts, start: Start, state: CallState, onOver: () => void) {
    this.id = start.id
    this.source = start.source
    this.params = start.params
    this.depth = start.depth
    this.parent = start.parent
    this.#parts = parts
    this.#state = state
    this.#onOver = onOver
    this.#records = new CallRecords(parts, this)
    state.listen({ onEvent: () => {}, onCancel: () => this.#giveUp(), onEnd: () => {} })
    const { deadlineMs } = this.params
    if (deadlineMs > 0) {
      this.#deadline = setTimeout(() => this.#passDeadline(), Math.min(deadlineMs, LONGEST_TIMER_MS))
    }
  }

  get over(): AbortSignal {
    if (this.#isOver) return AbortSignal.abort()
    this.#ending ??= new AbortController()
    return this.#ending.signal
  }

  /** Lets the policy decide, and carries it out. */
  start(view: PolicyView | Promise<PolicyView>): void {
    if (view instanceof Promise) {
      view.then(
        (view) => this.#decide(view),
        (error: unknown) => this.refuse(undecided(messageOf(error))),
      )
    } else this.#decide(view)
  }

  refuse(refusal: Refusal, more?: AuditFields): void {
    if (this.#isOver) return
    const { code, message, why, isRecorded = true } = refusal
    if (isRecorded) this.#records.append({ kind: "decision", ...more, verdict: "deny", why })
    this.#fail(code, this.source.driver === undefined ? why : message)
  }

  #decide(view: PolicyView): void {
    if (this.#isOver) return
    const { audit } = this.#parts
    if (!audit.isHealthy) this.refuse(undecided(`The audit log cannot be written: ${audit.problem}`))
    else if (this.source.driver === undefined) this.#decideForHost(view)
    else this.#decideByPolicy(view)
  }

  /** The host's own calls are the user's: no rule stands above them. */
  #decideForHost(view: PolicyView): void {
    const target = view.hostTarget(this.params.target)
    this.#records.append({ kind: "decision", verdict: "allow", rule: "host", target })
    this.#carryOut(target, undefined)
  }

  #decideByPolicy(view: PolicyView): void {
    const decision = view.decideCall(this.source.name, this.params)
    switch (decision.kind) {
      case "allow":
        this.#allowed(decision, { kind: "decision" })
        return
      case "ask":
        this.#ask(decision, view).catch((error: unknown) => this.refuse(undecided(messageOf(error))))
        return
      case "deny":
        this.refuse(refused(decision.reason), { kind: "decision", ...ruleOf(decision.rule) })
        return
      case "error":
        this.refuse(refused(decision.reason))
    }
  }

  async #ask(asked: Ask, view: PolicyView): Promise<void> {
    const { asker, remembered, now } = this.#parts
    const question: Question = {
      kind: "call",
      source: this.source.name,
      service: this.params.service,
      argument: this.params.argument,
      targets: [...asked.targets],
      defaultTarget: asked.defaultTarget ?? "",
      requestedTarget: view.effectiveTarget(this.params.target),
      rule: shown(asked.rule),
    }
    let final: Decision
    let answer = remembered.find(question, now())
    if (answer !== undefined) final = view.decideAnswer(asked, answer)
    else {
      this.#tell({ kind: "asking" })
      this.#records.append({ kind: "decision", verdict: "ask", ...ruleOf(asked.rule) })
      answer = await asker.ask(question, this.over)
      if (this.#isOver) return
      if (answer.scope.kind !== "once") await remembered.add(question, answer, now())
      // It may have been asked for minutes: what counts is the policy of now.
      final = (await this.#parts.view()).decideAgain(this.source.name, this.params, answer)
    }
    if (this.#isOver) return
    const { by: answeredBy, scope } = answer
    const more: AuditFields = { kind: "prompt", ...ruleOf(asked.rule), answeredBy, scope: scope.kind }
    if (final.kind === "allow") this.#allowed(final, more)
    else this.refuse(refused(answer.kind === "deny" ? answer.why : final.reason), more)
  }

  #allowed(decision: Allow, more: AuditFields): void {
    const carryOut = () => {
      this.#records.append({ ...more, verdict: "allow", ...ruleOf(decision.rule), target: decision.target })
      this.#carryOut(decision.target, decision.user)
    }
    if (!decision.rule.extensions.once) {
      carryOut()
      return
    }
    // Two calls at once must not both be the one.
    this.#parts.spend(decision.rule).then(
      (isFirst) => (isFirst ? carryOut() : this.refuse(refused(`${shown(decision.rule)} is used up`), more)),
      (error: unknown) => this.refuse(undecided(messageOf(error))),
    )
  }

  #carryOut(target: string, user: string | undefined): void {
    if (this.#isOver) return
    this.#tell({ kind: "allowed" })
    if (isHostTarget(target)) this.#runOnHost()
    else this.#open(target, user)
  }

  #open(target: string, user: string | undefined): void {
    try {
      const domain = openTarget(this.#parts.domains, target)
      if (domain instanceof Promise) {
        domain.then(
          (domain) => this.#connectOnceReachable(domain, user),
          (error: unknown) => this.#unavailable(messageOf(error)),
        )
      } else this.#connectOnceReachable(domain, user)
    } catch (error) {
      this.#unavailable(messageOf(error))
    }
  }

  #runOnHost(): void {
    const service = this.#parts.findHostService(this.params.service)
    this.#giveUpHost = runHostService(service, this, this.#state, (exit) => {
      const up = this.#state.received(STREAM.stdin).totalBytes
      const down = this.#state.sent(STREAM.stdout).totalBytes + this.#state.sent(STREAM.stderr).totalBytes
      this.#auditEnd(exit, { up, down })
      this.#over()
    })
  }

  #connectOnceReachable({ driver, isOurs }: TargetDomain, user: string | undefined): void {
    if (isOurs) this.#disposable = driver
    if (this.#isOver) {
      this.#endDisposable()
      return
    }
    this.target = driver
    if (driver.state.kind === "running") this.#connect(driver, user)
    else {
      driver.reachable.then(
        () => this.#connect(driver, user),
        (error: unknown) => this.#unavailable(messageOf(error)),
      )
    }
  }

  #connect(driver: DomainDriver, user: string | undefined): void {
    if (this.#isOver) return
    const { service, argument, target: requestedTarget, progress } = this.params
    const whose = { source: this.source.name, callId: this.id }
    const call = { service, argument, requestedTarget, user: user ?? "", ...whose }
    let pipes: CallPipes | undefined
    try {
      pipes = this.params.pipes ? this.#parts.openPipes(this.source.driver?.domain, driver.domain) : undefined
      this.#joined = callService(driver, this.#state, {
        // What takes the pipes says so when it starts.
        params: { ...call, progress: progress || pipes !== undefined, pipes: pipes?.label ?? 0 },
        pipes,
        onEnd: (exit, carried) => {
          this.#auditEnd(exit, carried)
          this.#over()
        },
        onGivenUp: () => this.#giveUp(),
      })
    } catch (error) {
      pipes?.cancel()
      this.#unavailable(messageOf(error))
    }
  }

  /** It was allowed, and could not be carried out. */
  #unavailable(why: string): void {
    this.#auditEnd(why)
    this.#fail("unavailable", this.source.driver === undefined ? why : "The target could not serve the call")
  }

  #giveUp(): void {
    this.#auditEnd("the caller gave up")
    this.#fail("cancelled", "The call was given up")
  }

  /** The daemon ends. */
  end(): void {
    this.#auditEnd("the daemon ended")
    this.#fail("unavailable", "The daemon has ended")
  }

  #passDeadline(): void {
    this.#auditEnd("its deadline passed")
    this.#fail("deadline", `The call took longer than ${this.params.deadlineMs} ms`)
  }

  #fail(code: ServiceCallErrorCode, message: string): void {
    if (this.#isOver) return
    if (this.#joined === undefined) this.#state.finish("fail", encodeFailure(code, message))
    else this.#joined.fail(code, message)
    this.#giveUpHost?.(new CallFailure(code, message))
    this.#over()
  }

  /** Whatever still runs for this call is ended. */
  #over(): void {
    if (this.#isOver) return
    this.#isOver = true
    clearTimeout(this.#deadline)
    this.#ending?.abort()
    this.#endDisposable()
    this.#onOver()
  }

  #endDisposable(): void {
    // After the answer: whoever waits for it does not wait for the clean-up.
    const driver = this.#disposable
    if (driver !== undefined) setImmediate(() => driver.finish())
  }

  #tell(event: CallDown): void {
    if (this.params.progress) this.#state.sendEvent(encode(callMethod.down, event))
  }

  #auditEnd(exit: string, carried = this.#joined?.carried() ?? NOTHING_CARRIED): void {
    if (!this.#isOver) this.#records.end(exit, carried)
  }
}
