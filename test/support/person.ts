import { connect } from "node:net"
import { join } from "node:path"
import { setTimeout } from "node:timers/promises"
import { ADMIN, Connection, PROMPT_LIMITS, type Question } from "@skerry/rpc"
import type { CommandLine } from "./command-line.ts"

/** Somebody at the host who answers each question the same way, once it has been seen for as long as it must be. */
export class Person implements Disposable {
  readonly questions: Question[] = []
  answer: "allow" | "deny" = "allow"
  readonly #connection: Connection

  /** A daemon of this home runs already. */
  constructor(home: CommandLine) {
    this.#connection = new Connection(connect(join(home.runtime, "skerryd.sock")))
    const call = this.#connection.call(
      ADMIN.prompter,
      { name: "test" },
      {
        onEvent: (event) => {
          if (event.kind !== "ask") return
          this.questions.push(event.question)
          call.send({ kind: "focused", id: event.id })
          void setTimeout(PROMPT_LIMITS.focusMs + 100).then(() =>
            call.send({ kind: "answer", id: event.id, answer: answerOf(this.answer, event.question) }),
          )
        },
      },
    )
    for (const stream of [call.stdout, call.stderr]) stream.resume()
  }

  [Symbol.dispose](): void {
    this.#connection.close()
  }
}

function answerOf(verdict: "allow" | "deny", question: Question) {
  const scope = { kind: "once" } as const
  if (verdict === "deny") return { kind: "deny", scope } as const
  const target = question.kind === "confirm" ? question.keeper : (question.targets[0] ?? "")
  return { kind: "allow", target, scope } as const
}
