import assert from "node:assert/strict"
import { test } from "node:test"
import { KeyReader } from "./keys.ts"

const words = (keys: ReturnType<KeyReader["push"]>) =>
  keys.map((key) =>
    key.kind === "character" ? key.character : key.kind === "named" ? key.name : `focus ${key.hasFocus}`,
  )

const TYPED =
  "y\u001b[A\u001bOB\u001b[5~\t\u001b[Z\u001b[I\u001b[O1\u001b[200~no\u001b[A\u001b[201~ü\u001b[1;5Cn\u0003"
const KEYS = [
  "y",
  "up",
  "down",
  "pageUp",
  "tab",
  "backTab",
  "focus true",
  "focus false",
  "1",
  "ü",
  "n",
  "interrupt",
]

test("keys come out of what a terminal sends, whole or in pieces", () => {
  assert.deepEqual(words(new KeyReader().push(TYPED)), KEYS)
  const reader = new KeyReader()
  assert.deepEqual(
    [...TYPED].flatMap((character) => words(reader.push(character))),
    KEYS,
  )
})

test("a sequence that never ends does not keep what follows", () => {
  const reader = new KeyReader()
  reader.push(`\u001b[${"1".repeat(100)}`)
  assert.ok(words(reader.push("y")).includes("y"))
})
