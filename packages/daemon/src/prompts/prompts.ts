import {
  ADMIN,
  type AllowScope,
  type CallContext,
  CallFailure,
  type GivenAnswer,
  type Handlers,
  handler,
  PROMPT_LIMITS,
  type PrompterDown,
  type PrompterUp,
  Question,
} from "@skerry/rpc"
import { encode } from "@skerry/wire"
import type { Answer, DenyWhy, Scope } from "./answer.ts"
import type { Asker } from "./asker.ts"
import { PROMPTS } from "./limits.ts"
import { EMPTY_QUEUE, type QueueEffect, type QueueEvent, stepQueue } from "./queue.ts"

export interface PromptsOptions {
  /** How long a question waits for its answer; asked for each question, since a generation may change it. */
  readonly promptMs: () => number
  /** Milliseconds of a clock that never goes back. */
  readonly monotonicMs: () => number
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** What should not have happened, for the log. */
  readonly onNotice: (text: string) => void
}

interface Asking {
  readonly question: Question
  readonly resolve: (answer: Answer) => void
}

interface Prompter {
  readonly name: string
  readonly send: (event: PrompterDown) => boolean
  /** Ends its call; with an error where it is to blame. */
  readonly dismiss: (error?: Error) => void
}

/** Asks whoever is there to answer. Carries out what the queue decides. */
export class Prompts implements Asker {
  readonly #options: PromptsOptions
  readonly #asking = new Map<number, Asking>()
  readonly #prompters = new Map<number, Prompter>()
  #state = EMPTY_QUEUE
  #lastId = 0
  #timer: NodeJS.Timeout | undefined

  constructor(options: PromptsOptions) {
    this.#options = options
  }

  /** Questions that wait. */
  get count(): number {
    return this.#asking.size
  }

  /** Rejects with the signal's reason alone; whatever else stands in the way is a refusal. */
  async ask(question: Question, signal: AbortSignal): Promise<Answer> {
    signal.throwIfAborted()
    if (!canBeShown(question)) return refusal("unshowable")
    const id = ++this.#lastId
    const now = this.#options.monotonicMs()
    const { promise, resolve, reject } = Promise.withResolvers<Answer>()
    const giveUp = () => {
      this.#step({ kind: "gaveUp", id })
      reject(signal.reason)
    }
    signal.addEventListener("abort", giveUp, { once: true })
    this.#asking.set(id, { question, resolve })
    try {
      this.#step({ kind: "asked", id, question, expiresAt: now + this.#options.promptMs(), now })
      return await promise
    } finally {
      signal.removeEventListener("abort", giveUp)
      this.#asking.delete(id)
    }
  }

  /** Refuses all that wait; the daemon is on its way to its end. */
  end(): void {
    this.#step({ kind: "ending" })
    for (const { dismiss } of this.#prompters.values()) dismiss()
  }

  readonly handlers: Handlers = [handler(ADMIN.prompter, ({ name }, context) => this.#serve(name, context))]

  async #serve(name: string, context: CallContext<PrompterUp, PrompterDown>): Promise<undefined> {
    if (this.#prompters.size >= PROMPTS.prompters) {
      throw new CallFailure("full", `There are ${PROMPTS.prompters} prompters already: end one of them first`)
    }
    const prompter = ++this.#lastId
    const over = Promise.withResolvers<void>()
    const { signal } = context
    this.#prompters.set(prompter, {
      name,
      send: (event) => context.send(event),
      dismiss: (error) => (error === undefined ? over.resolve() : over.reject(error)),
    })
    signal.addEventListener("abort", () => over.resolve(), { once: true })
    context.onEvent((event) => {
      if (this.#prompters.has(prompter)) this.#step({ ...event, prompter, now: this.#options.monotonicMs() })
    })
    this.#step({ kind: "came", prompter, now: this.#options.monotonicMs() })
    try {
      await over.promise
      return undefined
    } finally {
      this.#prompters.delete(prompter)
      this.#step({ kind: "left", prompter })
    }
  }

  #step(event: QueueEvent): void {
    const { state, effects } = stepQueue(this.#state, event)
    this.#state = state
    for (const effect of effects) this.#carryOut(effect)
    this.#wakeUp()
  }

  #carryOut(effect: QueueEffect): void {
    switch (effect.kind) {
      case "answer": {
        const by = this.#prompters.get(effect.prompter)?.name ?? ""
        this.#asking.get(effect.id)?.resolve(this.#answer(effect.answer, by))
        return
      }
      case "refuse":
        this.#asking.get(effect.id)?.resolve(refusal(effect.why))
        return
      case "notice":
        this.#options.onNotice(effect.text)
        return
      default: {
        const { prompter, ...event } = effect
        const seat = this.#prompters.get(prompter)
        if (seat === undefined || seat.send(event)) return
        // It does not read: whatever it shows is out of date, and nobody should answer by that.
        this.#options.onNotice(`prompter "${seat.name}" does not keep up and was let go`)
        seat.dismiss(
          new CallFailure("cancelled", "This prompter did not read what it was sent: start it again"),
        )
      }
    }
  }

  #answer(given: GivenAnswer, by: string): Answer {
    if (given.kind === "allow") {
      return { kind: "allow", target: given.target, scope: this.#until(given.scope), by }
    }
    const scope = given.scope.kind === "never" ? given.scope : this.#until(given.scope)
    return { kind: "deny", scope, why: "user", by }
  }

  #until(scope: AllowScope): Scope {
    if (scope.kind !== "for") return scope
    return { kind: "until", until: this.#options.now() + scope.seconds * 1000 }
  }

  /** One timer, for the question that expires first. */
  #wakeUp(): void {
    clearTimeout(this.#timer)
    const [first, ...others] = this.#state.waiting
    if (first === undefined) return
    const next = others.reduce((soonest, { expiresAt }) => Math.min(soonest, expiresAt), first.expiresAt)
    const now = this.#options.monotonicMs()
    this.#timer = setTimeout(
      () => {
        this.#step({ kind: "expired", now: this.#options.monotonicMs() })
      },
      Math.max(1, Math.ceil(next - now)),
    )
  }
}

const refusal = (why: DenyWhy): Answer => ({ kind: "deny", scope: { kind: "once" }, why, by: "" })

/** A question over the protocol's limits would have to be cut, and then something else would be allowed than was read. */
function canBeShown(question: Question): boolean {
  try {
    encode(Question, question)
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
  if (question.kind === "call") return question.targets.length > 0
  const bytes = question.details.reduce(
    (sum, { label, text }) => sum + Buffer.byteLength(label) + Buffer.byteLength(text),
    0,
  )
  return bytes <= PROMPT_LIMITS.detailsBytes
}
