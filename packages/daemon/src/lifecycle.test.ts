import assert from "node:assert/strict"
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { type Effect, type Event, INITIAL, type State, step } from "./lifecycle.ts"

const folder = join(import.meta.dirname, "../../../testdata/lifecycle")
const isUpdating = process.argv.includes("--update")

/** `> name key=value …` is an event; what follows it is what step() made of it. */
function parseEvent(line: string): Event {
  const [kind, rest] = [line.slice(2).split(" ", 1)[0], line.slice(2).replace(/^\S+ ?/, "")]
  const fields = rest === "" ? {} : (JSON.parse(rest) as object)
  return { kind, ...fields } as Event
}

function showEffect({ kind, ...fields }: Effect): string {
  return Object.keys(fields).length === 0 ? kind : `${kind} ${JSON.stringify(fields)}`
}

function show(state: State, effects: readonly Effect[]): string[] {
  const { kind, ...fields } = state
  const shown = Object.keys(fields).length === 0 ? kind : `${kind} ${JSON.stringify(fields)}`
  return [`  ${shown}`, ...effects.map((effect) => `    ${showEffect(effect)}`)]
}

function replay(transcript: string): string {
  const lines: string[] = []
  let state = INITIAL.state
  for (const line of transcript.split("\n")) {
    if (line.startsWith("#") || line === "") lines.push(line)
    if (!line.startsWith(">")) continue
    const next = step(state, parseEvent(line))
    state = next.state
    lines.push(line, ...show(next.state, next.effects))
  }
  return lines.join("\n")
}

for (const name of readdirSync(folder).filter((name) => name.endsWith(".txt"))) {
  test(`lifecycle: ${name.replace(".txt", "").replaceAll("-", " ")}`, () => {
    const path = join(folder, name)
    const expected = readFileSync(path, "utf8")
    const actual = replay(expected)
    if (isUpdating) writeFileSync(path, actual)
    else assert.equal(actual, expected)
  })
}

const EVENTS: readonly Event[] = [
  { kind: "admitted" },
  { kind: "prepared" },
  { kind: "started" },
  { kind: "identified" },
  { kind: "mustMount" },
  { kind: "mounted" },
  { kind: "settleRequested" },
  { kind: "settled" },
  { kind: "pauseRequested" },
  { kind: "paused" },
  { kind: "resumeRequested" },
  { kind: "resumed" },
  { kind: "clockJumped" },
  { kind: "stopRequested", force: false },
  { kind: "stopRequested", force: true },
  { kind: "finished" },
  { kind: "failed", message: "x" },
  { kind: "agentBroke", message: "x" },
  { kind: "agentLost" },
  { kind: "deadline" },
  { kind: "exited", exit: { kind: "stopped" } },
  { kind: "exited", exit: { kind: "killed", signal: "SIGKILL" } },
]

test("in every state that can be reached, a forced stop followed by the answers due leads to ended", () => {
  const seen = new Map<string, State>()
  const visit = (state: State) => {
    const key = JSON.stringify(state)
    if (seen.has(key)) return
    seen.set(key, state)
    for (const event of EVENTS) visit(step(state, event).state)
  }
  visit(INITIAL.state)
  for (const start of seen.values()) {
    const hasDomain = !["queued", "preparing", "starting"].includes(start.kind)
    let state = step(start, { kind: "stopRequested", force: true }).state
    state = step(
      state,
      hasDomain ? { kind: "exited", exit: { kind: "stopped" } } : { kind: "failed", message: "x" },
    ).state
    assert.equal(state.kind, "ended", `from ${JSON.stringify(start)}`)
  }
})

test("every way into ended gives the place back", () => {
  const visit = (state: State, depth: number) => {
    if (depth === 0 || state.kind === "ended") return
    for (const event of EVENTS) {
      const next = step(state, event)
      if (next.state.kind === "ended") {
        assert.ok(next.effects.some((effect) => effect.kind === "releasePlace"))
      }
      visit(next.state, depth - 1)
    }
  }
  visit(INITIAL.state, 5)
})
