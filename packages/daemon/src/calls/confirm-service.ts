import { text } from "node:stream/consumers"
import type { Question } from "@skerry/rpc"
import { CONFIRM_LIMITS, decodeConfirmation } from "@skerry/services"
import type { AuditLog } from "../audit/audit-log.ts"
import type { Asker } from "../prompts/asker.ts"
import type { RememberedAnswers } from "../remembered/remembered-answers.ts"
import { bounded } from "./bounded-input.ts"
import type { HostCall, HostService } from "./host-services.ts"

export interface ConfirmParts {
  readonly asker: Asker
  readonly remembered: RememberedAnswers
  readonly audit: AuditLog
  readonly now: () => number
}

/** Exit statuses, for the keeper. */
const CONFIRMED = 0
const REFUSED = 1
const NOT_A_QUESTION = 2

/**
 * `skerry.Confirm`: the keeper of a key asks the person at the host before it does what another domain wants. Who
 * wants it is taken from the call that the keeper is serving, not from its words.
 */
export function confirmService(parts: ConfirmParts): HostService {
  return async (call) => {
    const { parent, source } = call.record
    if (parent === undefined) {
      call.stderr.write("skerry.Confirm is for services that serve a call: SKERRY_CALL_ID names it\n")
      return NOT_A_QUESTION
    }
    const untrustedText = await text(bounded(call.stdin, CONFIRM_LIMITS.requestBytes))
    const request = decodeConfirmation(untrustedText)
    if ("problem" in request) {
      call.stderr.write(`skerry.Confirm: ${request.problem}\n`)
      return NOT_A_QUESTION
    }
    const question: Question = {
      kind: "confirm",
      source: parent.source.name,
      keeper: source.name,
      service: parent.params.service,
      ...request,
    }
    return (await isConfirmed(parts, question, call)) ? CONFIRMED : REFUSED
  }
}

async function isConfirmed(parts: ConfirmParts, question: Question, call: HostCall): Promise<boolean> {
  const { asker, remembered, audit, now } = parts
  let answer = remembered.find(question, now())
  if (answer === undefined) {
    answer = await asker.ask(question, call.signal)
    if (answer.scope.kind !== "once") await remembered.add(question, answer, now())
  }
  audit.append({
    kind: "prompt",
    call: call.record.id,
    source: question.source,
    service: question.service,
    target: call.record.source.name,
    verdict: answer.kind,
    answeredBy: answer.by,
    scope: answer.scope.kind,
    ...(question.kind === "confirm" ? { note: question.title } : {}),
    ...(answer.kind === "deny" ? { why: answer.why } : {}),
  })
  return answer.kind === "allow"
}
