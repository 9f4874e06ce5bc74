import assert from "node:assert/strict"
import { test } from "node:test"
import { CliError } from "./cli-error.ts"
import { type Command, defineCommand } from "./command.ts"
import { Interrupted } from "./dispatch.ts"
import { runCommandLine } from "./testing.ts"

const commandThat = (run: Command["run"], failureStatus: 1 | 125 = 1): Command =>
  defineCommand({ name: "try", summary: "Try", arguments: [], options: {}, examples: [], failureStatus, run })

const runThat = (command: Command, words: readonly string[] = [], over = {}) =>
  runCommandLine(["try", ...words], {
    commands: [{ name: "try", load: async () => ({ command }) }],
    ...over,
  })

test("the command's status is the program's", async () => {
  assert.equal((await runThat(commandThat(async () => 42))).status, 42)
})

test("a coded error is one sentence, made safe for a terminal", async () => {
  const failing = commandThat(() => Promise.reject(new CliError("refused", "no \u001b[31mroom")))
  const { status, stderr, stdout } = await runThat(failing)
  assert.deepEqual([status, stdout, stderr], [1, "", "skerry try: no \\u001b[31mroom\n"])
})

test("an error of the system is one sentence too", async () => {
  const failing = commandThat(() =>
    Promise.reject(Object.assign(new Error("ENOENT: no x"), { code: "ENOENT" })),
  )
  assert.equal((await runThat(failing)).stderr, "skerry try: ENOENT: no x\n")
})

test("a mistake of ours shows where it is", async () => {
  const { status, stderr } = await runThat(commandThat(() => Promise.reject(new TypeError("x is not y"))))
  assert.equal(status, 1)
  assert.match(stderr, /^skerry try: Internal error, please report it: TypeError: x is not y\n {4}at /)
})

test("a command that passes on a status keeps 125 for Skerry's own failures", async () => {
  const failing = commandThat(() => Promise.reject(new CliError("refused", "no room")), 125)
  assert.equal((await runThat(failing)).status, 125)
  const { status, stderr } = await runThat(failing, ["--wrong"])
  assert.deepEqual([status, stderr], [125, 'skerry try: Unknown option "--wrong"\nTry: skerry help try\n'])
})

test("a wrong command line is status 2", async () => {
  assert.equal(
    (
      await runThat(
        commandThat(async () => 0),
        ["extra"],
      )
    ).status,
    2,
  )
})

for (const [signal, expected] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const) {
  test(`a command that ${signal} ended says nothing and has status ${expected}`, async () => {
    const aborted = AbortSignal.abort(new Interrupted(signal))
    const command = commandThat(async (context) => {
      context.signal.throwIfAborted()
      return 0
    })
    assert.deepEqual(await runThat(command, [], { signal: aborted }), {
      status: expected,
      stdout: "",
      stderr: "",
    })
  })
}

test("an unknown command offers the nearest, and never a hidden one", async () => {
  const { status, stderr } = await runCommandLine(["versoin"])
  assert.deepEqual(
    [status, stderr],
    [2, 'skerry: Unknown command "versoin": did you mean version?\nTry: skerry help\n'],
  )
  assert.doesNotMatch((await runCommandLine(["complete-word"])).stderr, /complete-words/)
})

test("no word at all, --help and -h are help; --version is version", async () => {
  const { stdout } = await runCommandLine(["help"])
  assert.match(stdout, /^Commands:$/m)
  for (const words of [[], ["--help"], ["-h"]]) {
    assert.deepEqual(await runCommandLine(words), { status: 0, stdout, stderr: "" })
  }
  assert.deepEqual(await runCommandLine(["--version"]), await runCommandLine(["version"]))
})
