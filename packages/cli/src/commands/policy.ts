import { unreachable } from "@skerry/model"
import { CliError } from "../cli-error.ts"
import { defineCommand } from "../command.ts"

const ACTIONS = ["check", "eval", "graph", "edit"] as const

export const command = defineCommand({
  name: "policy",
  summary: "Check the policy, ask it, draw it, or change it",
  description: [
    "The policy decides every call from one domain to another: docs/policy.md explains its language. Files of your own lie in policy.d/ beside the configuration.",
    "check finds mistakes in it, or in the directory DIR alone. eval says what it would answer to SOURCE TARGET SERVICE[+ARGUMENT], where TARGET may be @default, @dispvm or @adminvm; nothing is called. graph draws who may call whom. edit opens one file of yours in $VISUAL or $EDITOR, 30-user.policy unless NAME is given, and puts it in place only if the policy can be used with it.",
    "eval --batch reads systems, policies and questions from standard input, one JSON object a line, and answers each question with one line.",
  ],
  arguments: [
    { name: "ACTION", required: true, choices: ACTIONS },
    { name: "WORD", required: false, many: true },
  ],
  options: {
    json: { kind: "flag", summary: "check, eval: print JSON" },
    explain: { kind: "flag", summary: "eval: say which rule decided, and which ones nearly matched" },
    batch: { kind: "flag", summary: "eval: answer questions from standard input" },
    format: {
      kind: "value",
      placeholder: "FORMAT",
      choices: ["dot", "svg"],
      summary: "graph: dot unless given",
    },
    ask: { kind: "flag", summary: "graph: show calls about which you would be asked, too" },
    full: { kind: "flag", summary: "graph: with arguments and actions" },
    service: { kind: "list", placeholder: "SERVICE[+ARG]", summary: "graph: only this service" },
    source: {
      kind: "list",
      placeholder: "NAME",
      summary: "graph: only calls from this instance",
      complete: "instance",
    },
    target: {
      kind: "list",
      placeholder: "NAME",
      summary: "graph: only calls to this target",
      complete: "instance",
    },
  },
  examples: [
    { command: "skerry policy check", summary: "Where are mistakes, and rules that say nothing?" },
    {
      command: "skerry policy eval --explain mail @dispvm qubes.OpenURL",
      summary: "May mail open links in a disposable, and why?",
    },
    {
      command: "skerry policy graph --ask --format svg > policy.svg",
      summary: "A picture of who may call whom",
    },
    { command: "skerry policy edit", summary: "Change rules; what cannot be used is not put in place" },
  ],
  async run(context, { options, positionals: [word, ...words] }) {
    const action = ACTIONS.find((each) => each === word) ?? "check"
    switch (action) {
      case "check": {
        expectWords(words, 1)
        const { checkPolicy } = await import("../policy/check.ts")
        return checkPolicy(context, words[0], options.json)
      }
      case "eval": {
        if (options.batch) {
          expectWords(words, 0)
          const { answerBatch } = await import("../policy/answer-batch.ts")
          return answerBatch(context)
        }
        const [source, target, service] = words
        if (source === undefined || target === undefined || service === undefined) {
          throw new CliError("usage", "eval takes SOURCE TARGET SERVICE[+ARGUMENT], or --batch")
        }
        expectWords(words, 3)
        const { evaluateCall } = await import("../policy/evaluate-call.ts")
        return evaluateCall(context, { source, target, service }, options)
      }
      case "graph": {
        expectWords(words, 0)
        const { drawPolicy } = await import("../policy/draw-policy.ts")
        return drawPolicy(context, options)
      }
      case "edit": {
        expectWords(words, 1)
        const { editPolicy } = await import("../policy/edit-policy.ts")
        return editPolicy(context, words[0])
      }
      default:
        return unreachable(action)
    }
  },
})

function expectWords(words: readonly string[], most: number): void {
  const extra = words[most]
  if (extra !== undefined) throw new CliError("usage", `Unexpected argument ${JSON.stringify(extra)}`)
}
