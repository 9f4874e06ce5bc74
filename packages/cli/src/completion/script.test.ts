import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { test } from "node:test"
import { assertGolden } from "../../../../tools/golden.ts"
import { defineCommand } from "../command.ts"
import { completionScript, SHELL_NAMES, type Shell } from "./script.ts"

const golden = join(import.meta.dirname, "../../../../testdata/cli/completion")

const nothing = { examples: [], run: async () => 0 }
const COMMANDS = [
  defineCommand({
    ...nothing,
    name: "run",
    summary: "Run a command: it's in a domain [of its own]",
    arguments: [{ name: "INSTANCE", required: true, complete: "instance" }],
    rest: "CMD…",
    options: {
      disposable: { kind: "flag", short: "d", summary: "In a fresh domain" },
      user: { kind: "value", placeholder: "NAME", choices: ["user", "root"], summary: "As whom" },
      environment: { kind: "list", short: "e", placeholder: "NAME=VALUE", summary: "Set a variable" },
    },
  }),
  defineCommand({
    ...nothing,
    name: "stop",
    summary: "Stop",
    arguments: [{ name: "INSTANCE", required: true, many: true, complete: "instance" }],
    options: {},
  }),
  defineCommand({
    ...nothing,
    name: "help",
    summary: "Explain",
    arguments: [{ name: "COMMAND", required: false, complete: "command" }],
    options: {},
  }),
]

for (const shell of SHELL_NAMES) {
  const script = completionScript(shell, COMMANDS)

  test(`the script of ${shell}`, () => assertGolden(join(golden, `${shell}.txt`), script))

  const isInstalled = spawnSync(shell, ["-c", "true"]).status === 0
  test(`${shell} understands its script`, { skip: !isInstalled && `${shell} is not installed` }, () => {
    const { status, stderr } = spawnSync(shell, ["-n", join(golden, `${shell}.txt`)])
    assert.deepEqual([status, stderr.toString()], [0, ""])
  })
}

/** What bash would offer for a line, `skerry complete-words` answering "mail" and "bank". */
function offeredByBash(...words: string[]): string[] {
  const shell: Shell = "bash"
  const program = `${completionScript(shell, COMMANDS)}
skerry() { printf 'mail\\nbank\\n'; }
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _skerry; printf '%s\\n' "\${COMPREPLY[@]}"`
  const { stdout, stderr } = spawnSync("bash", ["-c", program, "bash", "skerry", ...words])
  assert.equal(stderr.toString(), "")
  return stdout
    .toString()
    .split("\n")
    .filter((word) => word !== "")
}

test("bash offers commands, options, choices and instances", () => {
  assert.deepEqual(offeredByBash(""), ["run", "stop", "help"])
  assert.deepEqual(offeredByBash("s"), ["stop"])
  assert.deepEqual(offeredByBash("run", "--"), ["--help", "--disposable", "--user", "--environment"])
  assert.deepEqual(offeredByBash("run", "--user", ""), ["user", "root"])
  assert.deepEqual(offeredByBash("run", "-d", ""), ["mail", "bank"])
  assert.deepEqual(offeredByBash("stop", "mail", "b"), ["bank"])
  assert.deepEqual(offeredByBash("help", "r"), ["run"])
})

test("bash offers nothing of ours after --", () => {
  assert.deepEqual(offeredByBash("run", "mail", "--", ""), [])
})

test("fish offers options and instances", {
  skip: spawnSync("fish", ["-c", "true"]).status !== 0 && "fish is not installed",
}, () => {
  const offered = (line: string) => {
    const program = `${completionScript("fish", COMMANDS)}
function skerry; printf 'mail\\nbank\\n'; end
complete -C ${JSON.stringify(line)}`
    const { stdout } = spawnSync("fish", ["-N", "-c", program], {
      env: { HOME: "/nonexistent", PATH: "/usr/bin:/bin" },
    })
    return stdout
      .toString()
      .split("\n")
      .flatMap((word) => word.split("\t")[0] || [])
      .sort()
  }
  assert.deepEqual(offered("skerry "), ["help", "run", "stop"])
  assert.deepEqual(offered("skerry run "), ["bank", "mail"])
  assert.deepEqual(offered("skerry run --user "), ["root", "user"])
  assert.deepEqual(offered("skerry run --dis"), ["--disposable"])
})
