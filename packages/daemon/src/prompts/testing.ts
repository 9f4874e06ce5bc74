import type { Question } from "@skerry/rpc"

/** For tests: questions with what matters to them. */
export const callQuestion = (over: Partial<Extract<Question, { kind: "call" }>> = {}): Question => ({
  kind: "call",
  source: "mail",
  service: "qubes.Filecopy",
  argument: "",
  targets: ["work", "vault"],
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
  operation: "sign",
  title: "Sign a commit",
  details: [{ label: "Key", text: "0123 4567 89AB CDEF" }],
  rememberable: true,
  ...over,
})
