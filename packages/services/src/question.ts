import { type Detail, PROMPT_LIMITS } from "@skerry/rpc"

/** What the keeper of a key asks the person at the host, before it uses the key for another domain. */
export interface KeeperQuestion {
  /** What kind of thing it is: answers are remembered for it. */
  readonly operation: string
  /** One line. */
  readonly title: string
  readonly details: readonly Detail[]
  readonly rememberable: boolean
}

/** True: the person allows it. Whatever else happens is a refusal. */
export type Ask = (question: KeeperQuestion) => Promise<boolean>

/** Pure: a question that the host accepts, whatever it is about. */
export function fitQuestion(question: KeeperQuestion): KeeperQuestion {
  const { titleBytes, operationBytes } = PROMPT_LIMITS
  return {
    ...question,
    operation: cutBytes(question.operation, operationBytes),
    title: cutBytes(question.title.replaceAll("\n", " "), titleBytes),
    details: fitDetails(question.details),
  }
}

/**
 * Pure: the details as they fit a question. The first and the last ones stay (the last: size and digest); of those in
 * between the longest are cut, each with a word that says so.
 */
export function fitDetails(details: readonly Detail[]): Detail[] {
  const { detailBytes, detailsBytes, labelBytes } = PROMPT_LIMITS
  const fitted = details
    .slice(0, PROMPT_LIMITS.details)
    .map(({ label, text }) => ({ label: cutBytes(label, labelBytes), text: cutBytes(text, detailBytes) }))
  const bytesOf = ({ label, text }: Detail) => Buffer.byteLength(label) + Buffer.byteLength(text)
  let excess = fitted.reduce((sum, each) => sum + bytesOf(each), 0) - detailsBytes
  for (const detail of fitted.toSorted((a, b) => bytesOf(b) - bytesOf(a))) {
    if (excess <= 0) break
    const before = Buffer.byteLength(detail.text)
    detail.text = cutBytes(detail.text, Math.max(256, before - excess))
    excess -= before - Buffer.byteLength(detail.text)
  }
  return fitted
}

const CUT = "… (cut)"

/** At most `max` bytes of UTF-8, never half a character. */
function cutBytes(untrustedText: string, max: number): string {
  // Half a pair, where a line was cut, would be refused.
  const text = untrustedText.toWellFormed()
  if (Buffer.byteLength(text) <= max) return text
  const bytes = Buffer.from(text).subarray(0, max - Buffer.byteLength(CUT))
  return `${new TextDecoder().decode(bytes, { stream: true })}${CUT}`
}
