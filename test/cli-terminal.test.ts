import assert from "node:assert/strict"
import { once } from "node:events"
import { closeSync } from "node:fs"
import { after, test } from "node:test"
import { ReadStream, WriteStream } from "node:tty"
import { openLinux } from "@skerry/linux"
import { openBuiltHome } from "./support/built-home.ts"
import { Terminal } from "./support/terminal.ts"

/* `skerry run` in a terminal: a pseudo-terminal in the place of a user's, as the controlling one of its session. */
const home = await openBuiltHome()
after(() => home[Symbol.asyncDispose]())
const linux = openLinux()

for (const instance of ["mail", "light"]) {
  test(`a shell in "${instance}" has a terminal of its own: size, resizing, job control, Ctrl-C, status`, async () => {
    await using terminal = new Terminal(
      home,
      home.words("run", "-d", "-t", "-e", "PS1=ready> ", instance, "--", "bash", "--norc"),
    )
    await terminal.shows(/ready> /)
    terminal.type("tty; stty size\n")
    await terminal.shows(/\/dev\/pts\/\d+\r\n33 77\r\nready> /)
    terminal.resize(44, 101)
    // The size and what is typed travel apart.
    terminal.type("until [ \"$(stty size)\" = '44 101' ]; do sleep 0.1; done; echo resized\n")
    await terminal.shows(/\r\nresized\r\nready> /)
    terminal.type("timeout --foreground 4321 cat\n")
    await terminal.shows(/cat\r\n/)
    terminal.type("begun\n")
    await terminal.shows(/begun\r\n[\s\S]*begun\r\n/)
    terminal.type("\u0003")
    await terminal.shows(/\^C\r\n.*ready> /)
    terminal.type("echo status $?\n")
    await terminal.shows(/\r\nstatus 130\r\nready> /)
    terminal.type("exit 5\n")
    await terminal.exited
    assert.equal(terminal.status, 5)
  })
}

test("a program that runs hears that the size changed, and finds the new one each time", async () => {
  const script = "trap 'echo changed' WINCH; while :; do stty size; sleep 0.1; done"
  await using terminal = new Terminal(home, home.words("run", "-d", "mail", "--", "bash", "-c", script))
  await terminal.shows(/\b33 77\r\n/)
  terminal.resize(20, 60)
  await terminal.shows(/changed\r\n[\s\S]*20 60\r\n|20 60\r\n[\s\S]*changed\r\n/)
  for (const [rows, columns] of [
    [21, 61],
    [50, 132],
    [22, 62],
  ] as const) {
    terminal.resize(rows, columns)
    await terminal.shows(new RegExp(`\\b${rows} ${columns}\r\n`))
  }
})

test("the user's terminal has its mode back afterwards, however the command ends", async () => {
  const script = `$SKERRY run -d mail -- cat; echo "cat: $?"; stty -a | grep -o -e '-\\?icanon'; $SKERRY run -d mail -- sh -c 'kill -9 $$'; stty -a | grep -o -e '-\\?icanon'`
  const { master, slave } = linux.openPty({ rows: 24, columns: 80 })
  const child = home.start(["setsid", "--ctty", "--wait", "bash", "-c", script], {
    stdio: [slave, slave, slave],
  })
  closeSync(slave)
  let shown = ""
  const output = new ReadStream(master)
  output.on("error", () => {}) // EIO: the end
  output.on("data", (chunk) => {
    shown += String(chunk)
    if (shown.endsWith("one line\r\none line\r\n")) output.emit("answered")
  })
  const input = new WriteStream(linux.duplicate(master))
  const answered = once(output, "answered")
  input.write("one line\n")
  await answered
  input.write("\u0004")
  await once(child, "exit")
  output.destroy()
  input.destroy()
  assert.match(shown, /cat: 0\r\nicanon\r\n[\s\S]*icanon\r\n$/)
  assert.doesNotMatch(shown, /-icanon/)
})

test("without a terminal for the command, Ctrl-C at the keyboard interrupts it", async () => {
  await using terminal = new Terminal(
    home,
    home.words("run", "-T", "mail", "--", "timeout", "--foreground", "4321", "cat"),
  )
  terminal.type("begun\n")
  await terminal.shows(/begun\r\n[\s\S]*begun\r\n/)
  terminal.type("\u0003")
  await terminal.exited
  assert.equal(terminal.status, 130)
})

test("-t where there is no terminal is refused in words", async () => {
  const { status, stderr } = await home.run(["run", "-t", "mail"])
  assert.equal(status, 125)
  assert.match(stderr, /^skerry run: Cannot give the command a terminal: [^\n]+; leave out -t\n/)
})
