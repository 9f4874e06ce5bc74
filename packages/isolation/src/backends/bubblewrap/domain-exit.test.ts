import assert from "node:assert/strict"
import { test } from "node:test"
import { domainExit } from "./domain-exit.ts"

const end = { code: 0, signal: null, isStopped: false, untrustedLastWords: "" }

test("an agent that ends well has powered off", () => {
  assert.deepEqual(domainExit(end), { kind: "powered-off" })
})

test("a domain that was disposed of was stopped, whatever its launcher says", () => {
  assert.deepEqual(domainExit({ ...end, code: 137, isStopped: true }), { kind: "stopped" })
})

test("signals to the agent and to the launcher are told alike", () => {
  assert.deepEqual(domainExit({ ...end, code: 137 }), { kind: "killed", signal: "SIGKILL" })
  assert.deepEqual(domainExit({ ...end, code: 159 }), { kind: "killed", signal: "SIGSYS" })
  assert.deepEqual(domainExit({ ...end, code: null, signal: "SIGKILL" }), {
    kind: "killed",
    signal: "SIGKILL",
  })
})

test("so is one to bwrap, which its launcher cannot end by in the same way", () => {
  const untrustedLastWords = "hello\nunshare: sigprocmask unblock failed: Invalid argument\n"
  assert.deepEqual(domainExit({ ...end, code: 1, untrustedLastWords }), { kind: "killed", signal: "SIGKILL" })
})

test("other ends are failures with the last words", () => {
  const message = "the domain's first process ended with status 1: no such file"
  assert.deepEqual(domainExit({ ...end, code: 1, untrustedLastWords: " no such file\n" }), {
    kind: "failed",
    message,
  })
  assert.equal(domainExit({ ...end, code: 255 }).kind, "failed")
})
