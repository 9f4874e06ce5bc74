import type { Answer, Question } from "./answer.ts"

/** What the broker needs of prompts. */
export interface Asker {
  /** Rejects with the signal's reason alone; whatever else stands in the way is a refusal. */
  ask(question: Question, signal: AbortSignal): Promise<Answer>
}
