import assert from "node:assert/strict"
import { createHmac, randomBytes } from "node:crypto"
import { test } from "node:test"
import { LINE_BYTES } from "./limits.ts"
import { AuditKey, formatLine, NO_MAC, parseLine, parseRow } from "./line.ts"

test("a MAC is HMAC-SHA-256 of the MAC before and the body, however long", () => {
  const bytes = randomBytes(32)
  const key = new AuditKey(bytes)
  for (const length of [0, 1, 63, 64, 65, 330, 4000, 4096, 5000, 40_000, 10]) {
    const body = "x".repeat(length)
    const expected = createHmac("sha256", bytes).update(NO_MAC).update(body).digest("hex")
    assert.equal(key.mac(NO_MAC, body), expected, String(length))
  }
})

test("a line reads back as its record, and says what its MAC covers", () => {
  const key = new AuditKey(randomBytes(32))
  const { line, mac } = formatLine(key, NO_MAC, 7, 1000, { kind: "decision", source: "mail", bytesUp: 5 })
  assert.deepEqual(parseRow(line.trimEnd()), {
    seq: 7,
    time: 1000,
    kind: "decision",
    source: "mail",
    bytesUp: 5,
  })
  const parsed = parseLine(line.trimEnd())
  assert.equal(parsed?.mac, mac)
  assert.equal(key.mac(NO_MAC, parsed?.body ?? ""), mac)
})

test("a line stands at its limit, and not over it", () => {
  const line = (length: number) => {
    const [begin, end] = ['{"seq":1,"time":1,"kind":"end","note":"', `","mac":"${NO_MAC}"}`]
    return `${begin}${"x".repeat(length - begin.length - end.length)}${end}`
  }
  assert.equal(parseLine(line(LINE_BYTES))?.seq, 1)
  assert.equal(parseLine(line(LINE_BYTES + 1)), undefined)
})

test("what is no record is none, and throws nothing", () => {
  const mac = `,"mac":"${NO_MAC}"}`
  for (const text of [
    "",
    "{}",
    `{"seq":1${mac}`,
    `{"seq":-1,"time":1${mac}`,
    `{"seq":1,"time":1,"mac":"0"}`,
    `{"seq":1,"time":1${mac} `,
    ` {"seq":1,"time":1${mac}`,
    `{"seq":1,"time":"1","kind":"end"${mac}`,
    `{"seq":1,"time":1,"kind":{}${mac}`,
    `{"seq":1,"time":1,"kind":"end","note":null${mac}`,
    `{"seq":1,"time":1,"kind":"end",${mac}`,
    `{"seq":1,"time":1,${"[".repeat(10_000)}${mac}`,
  ]) {
    assert.equal(parseRow(text), undefined, text.slice(0, 80))
  }
})
