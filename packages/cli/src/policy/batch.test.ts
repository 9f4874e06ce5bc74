import assert from "node:assert/strict"
import { once } from "node:events"
import { PassThrough } from "node:stream"
import { test } from "node:test"
import { CapturedOutput, runCommandLine } from "../testing.ts"
import { answerBatch, LineSplitter, TOO_LONG } from "./answer-batch.ts"
import { Batch } from "./batch.ts"

const DOMAINS = {
  dom0: { tags: [], type: "AdminVM", template_for_dispvms: false, power_state: "Running" },
  mail: {
    tags: ["net"],
    type: "AppVM",
    template_for_dispvms: false,
    default_dispvm: "paper",
    power_state: "Running",
  },
  work: { tags: [], type: "AppVM", template_for_dispvms: false, default_dispvm: null, power_state: "Halted" },
  paper: { tags: [], type: "AppVM", template_for_dispvms: true, power_state: "Halted", internal: false },
}
const SYSTEM = JSON.stringify({ define: "system", name: "s", domains: DOMAINS })
const policy = (name: string, text: string, more = {}) =>
  JSON.stringify({ define: "policy", name, files: { __main__: text, ...more } })
const question = (more: object) =>
  JSON.stringify({
    id: 1,
    policy: "p",
    system: "s",
    service: "a.One",
    argument: "+",
    source: "mail",
    target: "work",
    ...more,
  })

function answers(...lines: readonly string[]): unknown[] {
  const batch = new Batch(() => Date.UTC(2026, 6))
  return lines.flatMap((line) => {
    const answer = batch.answer(line)
    return answer === undefined ? [] : [JSON.parse(answer)]
  })
}

test("definitions get no answer, questions one each with their id", () => {
  const text =
    "a.One * mail work allow user=root\na.Two * mail work ask default_target=work\na.Two * mail @dispvm ask\na.Three * * * deny notify=no"
  assert.deepEqual(
    answers(
      SYSTEM,
      policy("p", text),
      question({ id: "a" }),
      question({ id: [2], service: "a.Two" }),
      question({ id: null, service: "a.Three" }),
      question({ service: "a.Three", target: "@anyvm" }),
      question({ service: "a.One", argument: "x" }),
    ),
    [
      { id: "a", result: "allow", target: "work", user: "root", notify: false, autostart: true },
      {
        id: [2],
        result: "ask",
        targets: ["@dispvm:paper", "work"],
        default_target: "work",
        user: null,
        notify: false,
        autostart: true,
      },
      { id: null, result: "deny", notify: false, reason: "Denied by __main__:4" },
      { id: 1, result: "error", code: "syntax", reason: '"@anyvm" cannot be used as the target of a call' },
      { id: 1, result: "error", code: "request", reason: 'An argument begins with "+"' },
    ],
  )
})

test("a policy that does not parse answers error to each of its questions, and a new one takes its place", () => {
  const found = answers(
    SYSTEM,
    policy("p", "nonsense"),
    question({}),
    question({}),
    policy("p", "!include x", { x: "* * * * allow" }),
    question({}),
  )
  assert.deepEqual(
    found.map(
      (each) => (each as { result: string; code?: string }).code ?? (each as { result: string }).result,
    ),
    ["syntax", "syntax", "allow"],
  )
})

test("lines that make no sense get an error, and the next one is answered", () => {
  const bad = [
    "nonsense",
    "[]",
    '"text"',
    "null",
    question({ policy: "unknown" }),
    question({ system: "unknown" }),
    question({ service: 7 }),
    question({ target: {} }),
    '{"define":"what","name":"x"}',
    '{"define":"system","name":"x","domains":[]}',
    '{"define":"system","name":"x","domains":{"a":{"tags":[1]}}}',
    '{"define":"policy","name":"x","files":{"a":1}}',
    "[".repeat(100_000),
    `{"id":${"[".repeat(50_000)}${"]".repeat(50_000)}}`,
    '{"__proto__":{"policy":"p"}}',
  ]
  const found = answers(SYSTEM, policy("p", "* * * * allow"), ...bad, "  ", question({ id: "last" }))
  assert.equal(found.length, bad.length + 1)
  for (const each of found.slice(0, -1)) {
    const { result, code, reason } = each as Record<string, string>
    assert.deepEqual([result, code], ["error", "request"])
    assert.ok((reason ?? "").length > 5)
  }
  assert.equal((found.at(-1) as { id: string }).id, "last")
})

test("a question is answered before the next one comes", async () => {
  const stdin = new PassThrough()
  const stdout = new PassThrough()
  const context = { stdin, stdout, signal: new AbortController().signal } as unknown as Parameters<
    typeof answerBatch
  >[0]
  const done = answerBatch(context)
  stdin.write(`${SYSTEM}\n${policy("p", "* * * * allow")}\n${question({ id: 7 }).slice(0, 20)}`)
  stdin.write(`${question({ id: 7 }).slice(20)}\n`)
  const [answer] = (await once(stdout, "data")) as [Buffer]
  assert.match(answer.toString(), /^\{"id":7,"result":"allow".*\}\n$/)
  stdin.end(question({ id: 8 }))
  const [last] = (await once(stdout, "data")) as [Buffer]
  assert.match(last.toString(), /^\{"id":8/)
  assert.equal(await done, 0)
})

test("whoever reads slowly makes the next answers wait, and loses none", async () => {
  const stdout = new CapturedOutput()
  const lines = Array.from({ length: 20_000 }, (_, id) => question({ id })).join("\n")
  const stdin = new PassThrough()
  stdin.end(`${SYSTEM}\n${policy("p", "* * * * allow")}\n${lines}\n`)
  const found: Buffer[] = []
  const reading = (async () => {
    for await (const chunk of stdout) found.push(chunk as Buffer)
  })()
  const status = await answerBatch({
    stdin,
    stdout,
    signal: new AbortController().signal,
  } as unknown as Parameters<typeof answerBatch>[0])
  stdout.end()
  await reading
  assert.equal(status, 0)
  const ids = Buffer.concat(found)
    .toString()
    .trimEnd()
    .split("\n")
    .map((line) => (JSON.parse(line) as { id: number }).id)
  assert.deepEqual(
    ids,
    Array.from({ length: 20_000 }, (_, id) => id),
  )
})

test("a line may be as long as the limit; a longer one is dropped, told, and the next one kept", () => {
  const bytes = Buffer.from("12345678\n123456789\nü€\n1234")
  for (const size of [1, 3, 100]) {
    const splitter = new LineSplitter(8)
    const found = []
    for (let at = 0; at < bytes.length; at += size)
      found.push(...splitter.push(bytes.subarray(at, at + size)))
    assert.deepEqual([...found, ...splitter.end()], ["12345678", TOO_LONG, "ü€", "1234"])
  }
})

test("eval --batch takes no words, and eval needs three", async () => {
  assert.equal((await runCommandLine(["policy", "eval", "--batch", "x"])).status, 2)
  const { status, stderr } = await runCommandLine(["policy", "eval", "mail", "work"])
  assert.deepEqual(
    [status, stderr.split("\n")[0]],
    [2, "skerry policy: eval takes SOURCE TARGET SERVICE[+ARGUMENT], or --batch"],
  )
})
