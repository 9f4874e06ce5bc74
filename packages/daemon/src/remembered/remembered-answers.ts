import type { Answer, Question } from "../prompts/answer.ts"

/** What the broker needs of remembered answers. */
export interface RememberedAnswers {
  /** An answer that still counts; an allowing one only while the policy offers its target. `by` is "remembered N". */
  find(question: Question, now: number): Answer | undefined
  /** Remembers an answer whose scope is more than this once; resolves when it would outlive a crash. */
  add(question: Question, answer: Answer, now: number): Promise<void>
  /** Forgets what was good for this domain's life; of a disposable, whose name never returns, everything. */
  domainEnded(domain: string, isDisposable: boolean): void
}
