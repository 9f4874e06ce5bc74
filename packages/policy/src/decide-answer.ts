import { quoted } from "@skerry/model"
import { type Allow, type Ask, type Deny, deny } from "./decision.ts"
import { ruleShown } from "./rule.ts"

/** What the user said to a prompt. */
export type Answer = { readonly kind: "allow"; readonly target: string } | { readonly kind: "deny" }

/** What follows from an answer: only a target that was offered can be chosen. */
export function decideAnswer(decision: Ask, answer: Answer): Allow | Deny {
  const { rule, user, notify, autostart, targets } = decision
  if (answer.kind === "deny")
    return deny(`Denied by the user, asked because of ${ruleShown(rule)}`, notify, rule)
  const { target } = answer
  if (!targets.includes(target)) {
    return deny(`${quoted(target)} was not among the targets to choose from`, true, rule)
  }
  return { kind: "allow", target, user, notify, autostart, rule }
}
