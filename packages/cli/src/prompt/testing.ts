import type { PrompterDown, PrompterUp, Question } from "@skerry/rpc"
import { type Key, KeyReader } from "./keys.ts"
import { type PromptState, startPrompt, stepPrompt } from "./prompt-state.ts"
import { render } from "./render.ts"

export const callQuestion = (over: Partial<Extract<Question, { kind: "call" }>> = {}): Question => ({
  kind: "call",
  source: "mail",
  service: "qubes.Filecopy",
  argument: "",
  targets: ["work", "vault", "@dispvm:pdf"],
  defaultTarget: "",
  requestedTarget: "@default",
  rule: "policy.d/30-user.policy:4",
  ...over,
})

export const confirmQuestion = (over: Partial<Extract<Question, { kind: "confirm" }>> = {}): Question => ({
  kind: "confirm",
  source: "mail",
  keeper: "vault",
  service: "skerry.Gpg",
  operation: "sign 0123456789ABCDEF",
  title: "Sign as Anna Example <anna@example.org>",
  details: [
    { label: "Key", text: "0123 4567 89AB CDEF\nAnna Example <anna@example.org>" },
    {
      label: "Commit message",
      text: "Mend the pump\n\nIt leaked where the hose meets the valve, at every start since March.\n",
    },
    { label: "SHA-256", text: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08" },
  ],
  rememberable: true,
  ...over,
})

/** A prompter without a terminal and without a daemon. */
export class TestPrompt {
  state: PromptState
  now = 0
  readonly sent: PrompterUp[] = []
  hasLeft = false
  bells = 0

  constructor(rows = 24, columns = 80) {
    this.state = startPrompt({ rows, columns })
  }

  down(event: PrompterDown): void {
    this.#step({ kind: "down", event })
  }

  ask(id: number, question: Question = callQuestion(), position = this.state.asked.length): void {
    this.down({ kind: "ask", id, position, remainingMs: 60_000, question })
  }

  /** As the keyboard sends it. */
  type(text: string): void {
    for (const key of new KeyReader().push(text)) this.#step({ kind: "key", key })
  }

  resize(rows: number, columns: number): void {
    this.#step({ kind: "resize", size: { rows, columns } })
  }

  get answers(): string[] {
    return this.sent.flatMap((event) => {
      if (event.kind !== "answer") return []
      const { answer, id } = event
      const target = answer.kind === "allow" ? ` ${answer.target}` : ""
      return [`${id} ${answer.kind}${target} ${answer.scope.kind}`]
    })
  }

  get screen(): string {
    return render(this.state, this.now)
      .map((line) =>
        line
          .map(({ text }) => text)
          .join("")
          .trimEnd(),
      )
      .join("\n")
  }

  #step(event: Parameters<typeof stepPrompt>[1] | { kind: "key"; key: Key }): void {
    const { state, effects } = stepPrompt(this.state, event, this.now)
    this.state = state
    for (const effect of effects) {
      if (effect.kind === "send") this.sent.push(effect.event)
      else if (effect.kind === "leave") this.hasLeft = true
      else this.bells += 1
    }
  }
}
