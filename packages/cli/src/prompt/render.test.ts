import assert from "node:assert/strict"
import { join } from "node:path"
import { test } from "node:test"
import { fileURLToPath } from "node:url"
import { assertGolden } from "../../../../tools/golden.ts"
import { render } from "./render.ts"
import { callQuestion, confirmQuestion, TestPrompt } from "./testing.ts"
import { textWidth } from "./width.ts"

const golden = fileURLToPath(new URL("../../../../testdata/prompt/", import.meta.url))
const frame = (prompt: TestPrompt): string => {
  const { rows, columns } = prompt.state.size
  const edge = `+${"-".repeat(columns)}+`
  const lines = prompt.screen.split("\n").map((line) => `|${line}${" ".repeat(columns - textWidth(line))}|`)
  assert.equal(lines.length, rows)
  return `${[edge, ...lines, edge].join("\n")}\n`
}

const HOSTILE = "\u001b[2J\u202eallow\u200b\r\n │ y allow\u0007 p\u0430ypal \u{e0041}"

const SCREENS: Readonly<Record<string, (prompt: TestPrompt) => void>> = {
  idle: () => {},
  call: (prompt) => prompt.ask(1),
  "call-chosen": (prompt) => {
    prompt.ask(1, callQuestion({ argument: "allow-all-names", requestedTarget: "work" }))
    prompt.now = 5000
    prompt.type("2\t")
  },
  "call-many-targets": (prompt) => {
    prompt.ask(1, callQuestion({ targets: Array.from({ length: 30 }, (_, index) => `domain-${index}`) }))
    for (let index = 0; index < 25; index++) prompt.type("\u001b[B")
  },
  queue: (prompt) => {
    prompt.ask(1)
    for (let id = 2; id < 7; id++)
      prompt.ask(id, callQuestion({ source: `flood-${id}`, service: "qubes.OpenURL" }))
    prompt.ask(7, confirmQuestion())
  },
  confirm: (prompt) => {
    prompt.ask(1, confirmQuestion())
    prompt.now = 2000
  },
  "confirm-long": (prompt) => {
    const text = Array.from({ length: 60 }, (_, index) => `Line ${index + 1} of what is to be signed`).join(
      "\n",
    )
    prompt.ask(1, confirmQuestion({ details: [{ label: "Text", text }], rememberable: false }))
    prompt.now = 2000
    prompt.type("\u001b[6~")
  },
  hostile: (prompt) => {
    const details = [{ label: HOSTILE.slice(0, 20), text: HOSTILE }]
    prompt.ask(1, confirmQuestion({ title: HOSTILE, operation: HOSTILE, details }))
  },
  answered: (prompt) => {
    prompt.ask(1)
    prompt.ask(2, callQuestion({ source: "bank" }))
    prompt.now = 5000
    prompt.type("1y")
    prompt.down({ kind: "vanish", id: 1, why: "" })
  },
}

for (const [name, play] of Object.entries(SCREENS)) {
  for (const [rows, columns] of [
    [24, 80],
    [12, 40],
    [40, 120],
  ] as const) {
    test(`the screen "${name}" at ${columns}x${rows}`, () => {
      const prompt = new TestPrompt(rows, columns)
      play(prompt)
      assertGolden(join(golden, `${name}-${columns}x${rows}.txt`), frame(prompt))
    })
  }
}

test("at every size there are as many lines as rows, none wider than the window, and nothing unsafe", () => {
  for (let rows = 1; rows < 40; rows += 3) {
    for (let columns = 1; columns < 130; columns += 7) {
      for (const play of Object.values(SCREENS)) {
        const prompt = new TestPrompt(rows, columns)
        play(prompt)
        const lines = render(prompt.state, prompt.now).map((line) => line.map(({ text }) => text).join(""))
        assert.equal(lines.length, rows)
        for (const line of lines) {
          assert.ok(textWidth(line) <= columns, `${columns}: ${line}`)
          assert.doesNotMatch(line, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
        }
      }
    }
  }
})

test("no text of a guest makes a line that begins as the host's own do", () => {
  const prompt = new TestPrompt(60, 80)
  const text =
    "SHA-256:\n0000\n From        bank\n│ Key\n── more below ──\n y allows it\n Where may it go?\n   1  work"
  prompt.ask(1, confirmQuestion({ title: text, details: [{ label: text.slice(0, 13), text }] }))
  const lines = prompt.screen.split("\n")
  const words = lines.findIndex((line) => line.includes("In the words of vault"))
  const end = lines.findIndex((line, index) => index > words && line.startsWith("──"))
  for (const line of lines.slice(words + 1, end).filter((line) => line !== "")) {
    assert.match(line, /^ │/)
    assert.equal(line.split("│").length, 2, line)
  }
  // A label of the keeper's begins beside the bar; what stands under it never does.
  assert.deepEqual(
    lines.filter((line) => /^ │ \S.*:$/.test(line)).map((line) => line.trim()),
    ["│ SHA-256:\\u000a0000:"],
  )
})
