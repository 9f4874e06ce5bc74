import assert from "node:assert/strict"
import { dirname, join } from "node:path"
import { test } from "node:test"
import { setTimeout } from "node:timers/promises"
import { callService, startDomain, writePolicy } from "../packages/daemon/src/testing/calls.ts"
import { startTestDaemon } from "../packages/daemon/src/testing/test-daemon.ts"
import { CommandLine, repository } from "./support/command-line.ts"
import { pictureOf } from "./support/picture.ts"
import { callQuestion, PromptHost } from "./support/prompt-host.ts"
import { Terminal } from "./support/terminal.ts"

/* `skerry prompt` and the inline prompter in a pseudo-terminal, as a person uses them. */

const LEFT = /\u001b\[\?7h\u001b\[\?25h\u001b\[\?1049l/
const COMMAND_LINE = join(repository, "packages/cli/src/main.ts")
const SIZE = { rows: 24, columns: 80 }
const promptIn = (host: PromptHost) => new Terminal(host.home, host.home.words("prompt"), SIZE)

test("a question appears, is read, and is answered; the terminal is as it was afterwards", async () => {
  await using host = await PromptHost.open()
  const script = `stty -a > before; $SKERRY prompt; echo "status $?"; stty -a > after; cmp before after && echo same`
  await using terminal = new Terminal(host.home, ["bash", "-c", `cd ${host.home.folder}; ${script}`], SIZE)
  await terminal.shows(/Nothing is asked at present/)
  const answered = host.ask(callQuestion)
  await terminal.shows(/mail calls qubes\.Filecopy/)
  await terminal.shows(/choose a target first/)
  terminal.type("1")
  await terminal.shows(/▸ 1 {2}work/)
  await terminal.shows(/y allows it/)
  const picture = pictureOf(terminal.transcript, SIZE.rows, SIZE.columns)
  assert.match(picture[0] ?? "", /^ \d+ s · mail calls qubes\.Filecopy$/)
  assert.equal(picture[4], " Asked for   vault")
  assert.equal(picture[8], " ▸ 1  work")
  terminal.type("y")
  const answer = await answered
  assert.ok(answer.kind === "allow" && answer.target === "work")
  assert.match(answer.by, /^terminal of process \d+$/)
  await terminal.shows(/Allowed: qubes\.Filecopy for mail to work/)
  terminal.type("q")
  await terminal.shows(LEFT)
  await terminal.shows(/status 0\r\nsame\r\n/)
})

test("a domain's call goes where the person at the terminal says, and the log has it", async () => {
  await using daemon = await startTestDaemon()
  writePolicy(daemon, "test.cat * mail @anyvm ask\n")
  const mail = await startDomain(daemon, "mail")
  const home = new CommandLine(dirname(daemon.paths.runtime), [process.execPath, COMMAND_LINE])
  await using terminal = new Terminal(home, home.words("prompt"), SIZE)
  await terminal.shows(/Nothing is asked/)
  const call = async () => {
    for (;;) {
      const ended = await callService(mail, "bank", "test.cat", { input: "hello" }).catch(() => undefined)
      if (ended !== undefined) return ended.stdout // before, the prompter was not heard of yet
      await setTimeout(20)
    }
  }
  const answered = call()
  await terminal.shows(/mail calls test\.cat/)
  terminal.type("1")
  await terminal.shows(/y allows it/)
  terminal.type("y")
  assert.equal(await answered, "hello")
  terminal.type("q")
  await terminal.exited
  const { stdout } = await home.run(["audit", "--source", "mail"])
  assert.match(
    stdout,
    /answered: allow {2}mail {2}test\.cat +\S+ .* by terminal of process \d+, .*30-test\.policy:1\n/,
  )
  assert.match((await home.run(["audit", "verify"])).stdout, /^whole /)
})

test("a key that was pressed before the question appeared allows nothing", async () => {
  await using host = await PromptHost.open()
  await using terminal = promptIn(host)
  await terminal.shows(/Nothing is asked/)
  const answered = host.ask({ ...callQuestion, defaultTarget: "work" })
  await terminal.shows(/mail calls/)
  terminal.type("yyyy")
  await terminal.shows(/y allows it/)
  terminal.type("n")
  assert.equal((await answered).kind, "deny")
  assert.deepEqual(host.notices, [])
})

test("two prompters: the second sees the question vanish", async () => {
  await using host = await PromptHost.open()
  await using first = promptIn(host)
  await using second = promptIn(host)
  await Promise.all([first.shows(/Nothing is asked/), second.shows(/Nothing is asked/)])
  const answered = host.ask(callQuestion)
  await Promise.all([first.shows(/mail calls/), second.shows(/mail calls/)])
  first.type("N")
  assert.deepEqual((await answered).scope, { kind: "never" })
  await second.shows(/The question is over: it was answered elsewhere/)
})

test("a window that changes its size is drawn anew", async () => {
  await using host = await PromptHost.open()
  await using terminal = promptIn(host)
  await terminal.shows(/Nothing is asked/)
  const answered = host.ask(callQuestion)
  await terminal.shows(/choose a target/)
  terminal.resize(12, 40)
  await terminal.shows(/4 more below|3 more below/)
  const picture = pictureOf(terminal.transcript.slice(terminal.transcript.lastIndexOf("\u001b[1;1H")), 12, 40)
  assert.ok(picture.every((line) => line.length <= 40))
  terminal.type("n")
  await answered
})

for (const [what, said, end] of [
  ["a signal ends it", /(?:)/, (_: PromptHost, pid: number) => process.kill(pid, "SIGTERM")],
  [
    "the daemon goes away",
    /skerry prompt: The daemon has ended, and what it asked is refused/,
    (host: PromptHost) => host.drop(),
  ],
  ["Ctrl-C is pressed", /(?:)/, (_: PromptHost, _pid: number, terminal: Terminal) => terminal.type("\u0003")],
] as const) {
  test(`the terminal is given back where ${what}`, async () => {
    await using host = await PromptHost.open()
    const script = `bash -c 'echo pid $$; exec $SKERRY prompt'; echo "mode $(stty -a | grep -o -e '-\\?icanon')"`
    await using terminal = new Terminal(host.home, ["bash", "-c", script], SIZE)
    const [, pid] = await terminal.shows(/pid (\d+)/)
    await terminal.shows(/Nothing is asked/)
    end(host, Number(pid), terminal)
    await terminal.shows(LEFT)
    await terminal.shows(said)
    await terminal.shows(/mode icanon\r\n/)
  })
}

test("without a terminal it says so", async () => {
  await using host = await PromptHost.open()
  const { status, stderr } = await host.home.run(["prompt"])
  assert.equal(status, 1)
  assert.match(stderr, /^skerry prompt: Cannot ask here: standard input and output are no terminal\n/)
})

const inline = (host: PromptHost, redirect: string) => [
  "bash",
  "-c",
  `echo pid $$; exec ${process.execPath} ${join(repository, "test/support/inline-prompter.ts")} ${host.home.runtime}/skerryd.sock ${redirect}`,
]

test("inline, a question takes the screen while the command's output waits, and gives it back", async () => {
  await using host = await PromptHost.open()
  await using terminal = new Terminal(host.home, inline(host, "< /dev/null"), SIZE)
  const [, pid] = await terminal.shows(/pid (\d+)/)
  await terminal.shows(/from the command/)
  const answered = host.ask({ ...callQuestion, defaultTarget: "vault" })
  await terminal.shows(/\u001b\[\?1049h/)
  await terminal.shows(/y allows it/)
  // Some of it would have come by now.
  await setTimeout(200)
  const screen = terminal.transcript.slice(terminal.transcript.lastIndexOf("\u001b[?1049h"))
  assert.doesNotMatch(screen, /from the command/)
  terminal.type("y")
  assert.equal((await answered).kind, "allow")
  await terminal.shows(LEFT)
  await terminal.shows(/from the command/)
  process.kill(Number(pid), "SIGUSR1")
  await terminal.shows(/ended/)
})

test("inline, Ctrl-C interrupts the command, and its question is refused", async () => {
  await using host = await PromptHost.open()
  await using terminal = new Terminal(host.home, inline(host, "< /dev/null"), SIZE)
  const answered = host.ask(callQuestion)
  await terminal.shows(/choose a target/)
  terminal.type("\u0003")
  await terminal.shows(LEFT)
  await terminal.exited
  const answer = await answered
  assert.ok(answer.kind === "deny" && answer.why === "gone")
})

test("inline, nothing is offered where there is no terminal", async () => {
  await using host = await PromptHost.open()
  const { status, stdout } = await host.home.shell(
    `${process.execPath} ${join(repository, "test/support/inline-prompter.ts")} ${host.home.runtime}/skerryd.sock`,
  )
  assert.deepEqual([status, stdout], [3, "not offered\n"])
})
