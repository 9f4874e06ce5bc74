import assert from "node:assert/strict"
import { test } from "node:test"
import { shell } from "../shell/shell.ts"
import { runProgram, textOf } from "../testing.ts"
import { decodeCommand, EXEC_LIMITS, encodeCommand } from "./argument.ts"
import { exec } from "./exec.ts"

for (const [argument, words] of [
  ["ls+--a+-2Fhome-2Fuser", ["ls", "-a", "/home/user"]],
  ["echo++x", ["echo", "", "x"]],
  ["printf+-25s+-C3-A9", ["printf", "%s", "é"]],
  ["a----b", ["a--b"]],
  ["a---2B", ["a-+"]],
] as const) {
  test(`${argument} is a command of ${words.length} words`, () => {
    assert.deepEqual(decodeCommand(argument), words)
    assert.equal(encodeCommand(words), argument)
  })
}

for (const [what, argument] of [
  ["nothing", ""],
  ["an empty name", "+x"],
  ["a slash", "ls+/home"],
  ["a space", "ls+a b"],
  ["a single dash", "ls+-"],
  ["a dash and one digit", "ls+-A"],
  ["small digits", "ls+-2f"],
  ["digits that are none", "ls+-G0"],
  ["NUL", "ls+-00"],
  ["bytes that are not UTF-8", "ls+-FF"],
  ["a line end", "ls+a\n"],
] as const) {
  test(`${what} in the argument is refused`, () => {
    assert.throws(() => decodeCommand(argument), { code: "bad-argument" })
  })
}

test("a command has as many words as the limit", () => {
  const argument = (words: number) => Array.from({ length: words }, () => "a").join("+")
  assert.equal(decodeCommand(argument(EXEC_LIMITS.words)).length, EXEC_LIMITS.words)
  assert.throws(() => decodeCommand(argument(EXEC_LIMITS.words + 1)), { code: "bad-argument" })
})

const environment = { PATH: process.env.PATH ?? "" }

test("a command has the call's streams, and its status is the call's", async () => {
  const run = runProgram(exec, {
    environment: {
      ...environment,
      QREXEC_SERVICE_ARGUMENT: encodeCommand(["sh", "-c", "cat; echo err >&2; exit 7"]),
    },
  })
  run.stdin.end("input")
  assert.deepEqual(await Promise.all([textOf(run.stdout), textOf(run.stderr), run.status]), [
    "input",
    "err\n",
    7,
  ])
})

test("nothing of a command is given to a shell", async () => {
  const run = runProgram(exec, {
    environment: { ...environment, QREXEC_SERVICE_ARGUMENT: encodeCommand(["echo", "$(id) ; * `x`"]) },
  })
  run.stdin.end()
  assert.equal(await textOf(run.stdout), "$(id) ; * `x`\n")
})

test("a command that is not there ends with 127, one that a signal ends with 128 and its number", async () => {
  for (const [words, status] of [
    [["/nonexistent/command"], 127],
    [[import.meta.filename], 126],
    [["sh", "-c", "kill -TERM $$"], 143],
  ] as const) {
    const run = runProgram(exec, {
      environment: { ...environment, QREXEC_SERVICE_ARGUMENT: encodeCommand(words) },
    })
    run.stdin.end()
    run.stderr.resume()
    assert.equal(await run.status, status)
  }
})

test("a shell does what standard input says", async () => {
  const run = runProgram(shell, { environment })
  run.stdin.end("echo $((6 * 7)); exit 3\n")
  assert.deepEqual(await Promise.all([textOf(run.stdout), run.status]), ["42\n", 3])
})
