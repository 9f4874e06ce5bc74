import assert from "node:assert/strict"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { dateLine, getDate } from "../get-date/get-date.ts"
import { runProgram, textOf } from "../testing.ts"
import { parseDesktopEntry } from "./desktop-entry.ts"
import { startApp } from "./start-app.ts"

const entry = (exec: string, more = "") => `[Desktop Entry]\nType=Application\nExec=${exec}\n${more}`

for (const [exec, command] of [
  ["firefox %u", ["firefox"]],
  ['"/opt/a b/run" --x "50%%" %F', ["/opt/a b/run", "--x", "50%"]],
  ['sh -c "echo \\\\"hi\\\\" \\\\$HOME"', ["sh", "-c", 'echo "hi" $HOME']],
  ["viewer --name=%c file", ["viewer", "--name=", "file"]],
] as const) {
  test(`the command of ${exec}`, () => {
    assert.deepEqual(parseDesktopEntry(entry(exec)).command, command)
  })
}

test("an entry that says no command, half of one, or is hidden is refused", () => {
  for (const text of ["", "[Other]\nExec=x", entry(""), entry('"half'), entry("x", "Hidden=true\n")]) {
    assert.throws(() => parseDesktopEntry(text), { code: "bad-entry" }, text)
  }
  // Only the entry's own group counts.
  assert.deepEqual(parseDesktopEntry(entry("a", "[Desktop Action b]\nExec=b\n")).command, ["a"])
})

test("an application is started by the name of its entry, and the call ends with it", async () => {
  const home = mkdtempSync(join(tmpdir(), "skerry-app-"))
  try {
    const applications = join(home, ".local/share/applications")
    mkdirSync(applications, { recursive: true })
    writeFileSync(
      join(applications, "org.x.app.desktop"),
      entry(`sh -c "pwd > ${home}/ran; exit 4"`, `Path=${home}\n`),
    )
    const start = async (id: string) => {
      const environment = {
        PATH: process.env.PATH ?? "",
        HOME: home,
        QREXEC_SERVICE_ARGUMENT: id,
        XDG_DATA_DIRS: "/nonexistent",
      }
      const run = runProgram(startApp, { environment })
      return await Promise.all([run.status, textOf(run.stderr)])
    }
    assert.deepEqual(await start("org.x.app"), [4, ""])
    assert.equal(readFileSync(join(home, "ran"), "utf8"), `${home}\n`)
    assert.match((await start("missing"))[1], /There is no application "missing"/)
    assert.match((await start("../../etc/passwd"))[1], /is no name of an application/)
    assert.match((await start(""))[1], /is no name of an application/)
  } finally {
    rmSync(home, { recursive: true })
  }
})

test("the date is told as the reference tells it", async () => {
  assert.equal(dateLine(1_700_000_000_999), "2023-11-14T22:13:20+00:00\n")
  const run = runProgram(getDate)
  const told = Date.parse((await textOf(run.stdout)).trim())
  assert.ok(Math.abs(Date.now() - told) < 5000)
})
