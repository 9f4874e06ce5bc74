import { buffer } from "node:stream/consumers"
import type { Question } from "@skerry/rpc"
import {
  CONFIRM_LIMITS,
  CONFIRM_SERVICE,
  CONFIRM_STATUS,
  type ConfirmRequest,
  parseConfirmRequest,
} from "@skerry/services"
import { ProtocolError } from "@skerry/wire"
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

/**
 * `skerry.Confirm`: the keeper of a key asks the person at the host before it does what another domain wants. Who
 * wants it is taken from the call that the keeper is serving, not from its words.
 */
export function confirmService(parts: ConfirmParts): HostService {
  return async (call) => {
    const { parent, source } = call.record
    const untrustedBytes = await buffer(bounded(call.stdin, CONFIRM_LIMITS.requestBytes + 1))
    const request = parseOrProblem(untrustedBytes)
    if ("problem" in request) return refuseRequest(call, request.problem)
    if (parent === undefined || request.callId !== parent.id) {
      return refuseRequest(call, "it is for a service that serves a call, which SKERRY_CALL_ID names")
    }
    const { operation, title, details, rememberable } = request
    const question: Question = {
      kind: "confirm",
      source: parent.source.name,
      keeper: source.name,
      service: parent.params.service,
      ...{ operation, title, details: [...details], rememberable },
    }
    // An answer that is remembered while the caller's domain runs must not be given once that has ended.
    const signal = AbortSignal.any([call.signal, parent.over])
    signal.throwIfAborted()
    return (await isConfirmed(parts, question, call, signal))
      ? CONFIRM_STATUS.allowed
      : CONFIRM_STATUS.refused
  }
}

function refuseRequest(call: HostCall, why: string): number {
  call.stderr.write(`${CONFIRM_SERVICE}: ${why}\n`)
  return CONFIRM_STATUS.badRequest
}

function parseOrProblem(untrustedBytes: Uint8Array): ConfirmRequest | { readonly problem: string } {
  try {
    return parseConfirmRequest(untrustedBytes)
  } catch (error) {
    if (error instanceof ProtocolError) return { problem: error.message }
    throw error
  }
}

async function isConfirmed(
  parts: ConfirmParts,
  question: Question,
  call: HostCall,
  signal: AbortSignal,
): Promise<boolean> {
  const { asker, remembered, audit, now } = parts
  let answer = remembered.find(question, now())
  if (answer === undefined) {
    answer = await asker.ask(question, signal)
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
