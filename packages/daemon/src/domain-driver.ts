import type { Domain } from "@skerry/isolation"
import { unreachable } from "@skerry/model"
import type { Place } from "./admission.ts"
import type { Agent, CommandCall } from "./agent.ts"
import { ConsoleLines } from "./console-text.ts"
import type { DomainPlan, DomainServices } from "./domain-plan.ts"
import { DaemonError, messageOf } from "./errors.ts"
import type { Journal } from "./journal.ts"
import {
  describeEnding,
  type Effect,
  type Ending,
  type Event,
  INITIAL,
  type State,
  type Step,
  step,
} from "./lifecycle.ts"
import { type RunningCommand, trackCommand } from "./running-command.ts"
import type { Blank } from "./standby.ts"
import { startError } from "./start-error.ts"

/** Carries one domain through its lifecycle: one queue of events, effects in order. */
export class DomainDriver {
  readonly plan: DomainPlan
  readonly commands = new Set<RunningCommand>()
  readonly #services: DomainServices
  readonly #journal: Journal
  readonly #console: ConsoleLines
  readonly #startAbort = new AbortController()
  readonly #ready = Promise.withResolvers<void>()
  readonly #reachable = Promise.withResolvers<void>()
  readonly #ended = Promise.withResolvers<Ending>()
  readonly #stateWaiters = new Set<() => void>()
  readonly #queue: Event[] = []
  #isDraining = false
  #state: State = INITIAL.state
  #place: Place | undefined
  #blank: Blank | undefined
  #deadline: NodeJS.Timeout | undefined
  #failure: unknown
  #runningSince: number | undefined
  /** No command may be run before its directories are there. */
  #mountsFirst = false

  constructor(plan: DomainPlan, services: DomainServices, journal: Journal) {
    this.plan = plan
    this.#services = services
    this.#journal = journal
    this.#console = new ConsoleLines((text) => journal.add({ domain: plan.id, kind: "console", text }))
    // Not every domain has somebody waiting for it.
    for (const { promise } of [this.#ready, this.#reachable]) promise.catch(() => {})
    this.#take(INITIAL)
  }

  get state(): State {
    return this.#state
  }

  get domain(): Domain | undefined {
    return this.#blank?.domain
  }

  /** The way to its agent, from when the domain is there. */
  get agent(): Agent | undefined {
    return this.#blank?.agent
  }

  /** When the domain first answered; undefined before. */
  get runningSince(): number | undefined {
    return this.#runningSince
  }

  /** Resolves when commands can be run; rejects with a DaemonError if the domain ends before. */
  get ready(): Promise<void> {
    return this.#ready.promise
  }

  /** Resolves when commands can be sent: the agent runs none before it is identified, or where that failed. */
  get reachable(): Promise<void> {
    return this.#reachable.promise
  }

  /** Resolves, and never rejects, once every host resource has been released. */
  get ended(): Promise<Ending> {
    return this.#ended.promise
  }

  /** It ends, or has ended, without ever having run. */
  get hasNotStarted(): boolean {
    return this.#runningSince === undefined && ["stopping", "ended"].includes(this.#state.kind)
  }

  dispatch(event: Event): void {
    this.#queue.push(event)
    if (this.#isDraining) return
    this.#isDraining = true
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      this.#take(step(this.#state, next))
    }
    this.#isDraining = false
  }

  /** It has directories, or is being given them. */
  get hasTrees(): boolean {
    return this.#services.trees.hasTrees(this)
  }

  /** Ends it; without `force` after what it has to write is written. */
  stop(force: boolean): void {
    const settles = !force && this.hasTrees
    this.dispatch(settles ? { kind: "settleRequested" } : { kind: "stopRequested", force })
  }

  /** Its one command has ended: nothing in it is worth waiting for, but for what belongs into directories. */
  finish(): void {
    this.dispatch({ kind: this.hasTrees ? "settleRequested" : "finished" })
  }

  /** For its log. */
  note(text: string, kind: "domain" | "command" = "domain"): void {
    this.#journal.add({ domain: this.plan.id, kind, text })
  }

  /** Fails with "wrong-state" unless the domain runs. */
  agentForCommand(): Agent {
    const { kind } = this.#state
    const isSoon = kind === "identifying" && !this.#mountsFirst
    if ((kind === "running" || isSoon) && this.#blank !== undefined) return this.#blank.agent
    const advice =
      this.#state.kind === "paused" ? `: "skerry resume ${this.plan.id}" lets it go on` : ": try again later"
    throw new DaemonError(
      "wrong-state",
      `Cannot run a command: "${this.plan.id}" is ${this.#state.kind}${advice}`,
    )
  }

  /** Registers a command for as long as it runs. */
  track(call: CommandCall, argv: readonly string[]): RunningCommand {
    return trackCommand(this.commands, call, argv, (text) => this.note(text, "command"))
  }

  /** Resolves once the state is one of these, or the domain has ended. */
  async reaches(...kinds: readonly State["kind"][]): Promise<State> {
    while (!kinds.includes(this.#state.kind) && this.#state.kind !== "ended") {
      await new Promise<void>((resolve) => this.#stateWaiters.add(resolve))
    }
    return this.#state
  }

  #take({ state, effects }: Step): void {
    const isNew = state.kind !== this.#state.kind
    this.#state = state
    if (isNew) this.#entered(state)
    for (const effect of effects) this.#carryOut(effect)
    if (isNew) {
      const waiters = [...this.#stateWaiters]
      this.#stateWaiters.clear()
      for (const wake of waiters) wake()
    }
    if (isNew && state.kind === "ended") this.#finish(state.how)
  }

  #entered(state: State): void {
    this.note(state.kind === "ended" ? describeEnding(state.how) : state.kind)
    if (state.kind === "running" && this.#runningSince === undefined) {
      this.#runningSince = this.#services.now()
      this.#ready.resolve()
      this.#reachable.resolve()
    }
    this.#services.onState(this)
  }

  #finish(how: Ending): void {
    this.#console.end()
    this.#blank?.agent.close()
    if (this.#runningSince === undefined) {
      const error = startError(this.plan.instance, this.#failure, how)
      this.#ready.reject(error)
      this.#reachable.reject(error)
    }
    // Its trees are at rest before another domain of the instance may have them.
    if (this.hasTrees) {
      void this.#services.trees.release(this).then(() => this.#ended.resolve(how))
    } else this.#ended.resolve(how)
  }

  #carryOut(effect: Effect): void {
    const { admission, prepare, start } = this.#services
    const { signal } = this.#startAbort
    switch (effect.kind) {
      case "requestPlace":
        this.#report(
          admission.request({ isDisposable: this.plan.isDisposable, signal }).then((place) => {
            this.#place = place
          }),
          { kind: "admitted" },
        )
        return
      case "prepare":
        this.#report(prepare(this.plan.mould, signal), { kind: "prepared" })
        return
      case "start":
        this.#report(
          start(this.plan, signal).then((blank) => this.#own(blank)),
          undefined,
        )
        return
      case "giveUpStart":
        this.#startAbort.abort(new DaemonError("cancelled", `The start of "${this.plan.id}" was given up`))
        return
      case "identify":
        this.#mountsFirst = this.#services.trees.needsMount(this)
        this.#report(this.#owned().agent.identify(this.#services.identityOf(this.plan)), {
          kind: this.#mountsFirst ? "mustMount" : "identified",
        })
        if (!this.#mountsFirst) this.#reachable.resolve()
        return
      case "mount":
        this.#report(this.#services.trees.mountAll(this), { kind: "mounted" })
        return
      case "settle":
        void this.#services.trees.settle(this).then(() => this.dispatch({ kind: "settled" }))
        return
      case "leaveStarts":
        this.#place?.leaveStarts()
        return
      case "releasePlace":
        this.#place?.release()
        return
      case "pause":
        this.#report(this.#owned().domain.pause(), { kind: "paused" })
        return
      case "resume":
        this.#report(
          this.#owned()
            .domain.resume()
            .then(() => this.#owned().agent.setClock()),
          { kind: "resumed" },
        )
        return
      case "setClock":
        this.#report(this.#owned().agent.setClock(), undefined)
        return
      case "shutDown":
        // However it is answered: the domain ends, or the deadline passes.
        this.#owned()
          .agent.shutDown()
          .catch(() => {})
        return
      case "kill":
        void this.#owned().domain[Symbol.asyncDispose]()
        return
      case "setDeadline":
        clearTimeout(this.#deadline)
        this.#deadline = setTimeout(() => this.dispatch({ kind: "deadline" }), effect.ms)
        return
      case "clearDeadline":
        clearTimeout(this.#deadline)
        return
      default:
        unreachable(effect)
    }
  }

  /** An effect that is under way answers with an event. */
  #report(work: Promise<unknown>, answer: Event | undefined): void {
    work.then(
      () => {
        if (answer !== undefined) this.dispatch(answer)
      },
      (error: unknown) => {
        // The loss of the agent is reported as what it is, by #own, and explains more than the call that it failed.
        if (this.#blank?.agent.isLost) return
        this.#failure ??= error
        this.dispatch({ kind: "failed", message: messageOf(error) })
      },
    )
  }

  #own(blank: Blank): void {
    this.#blank = blank
    blank.setConsole((untrustedText) => this.#console.push(untrustedText))
    blank.agent.serveCalls((params, state) => this.#services.onCall(this, params, state))
    // Before its end can be reported, which may have come already.
    this.dispatch({ kind: "started" })
    void blank.domain.exited.then((exit) => this.dispatch({ kind: "exited", exit }))
    void blank.agent.lost.then((loss) =>
      this.dispatch(
        loss.kind === "broke" ? { kind: "agentBroke", message: loss.message } : { kind: "agentLost" },
      ),
    )
  }

  #owned(): Blank {
    if (this.#blank === undefined) throw new Error("The lifecycle used a domain before there was one")
    return this.#blank
  }
}
