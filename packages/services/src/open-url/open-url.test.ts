import assert from "node:assert/strict"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { chooseHandler } from "../open-in-vm/handlers.ts"
import { runProgram, serviceTable, textOf } from "../testing.ts"
import { LINK_LIMITS, parseLink } from "./link.ts"
import { openUrl, skerryOpenUrl } from "./open-url.ts"

for (const link of [
  "http://example.org/",
  "https://example.org/a?b=c&d#e",
  "ftp://h/f",
  "mailto:a@example.org?subject=x",
]) {
  test(`${link} may be opened`, () => assert.equal(parseLink(link), link))
}

for (const link of [
  "",
  "example.org",
  "file:///etc/passwd",
  "javascript:alert(1)",
  "data:text/html,x",
  "-https://x",
  "--version",
  "http://",
  "https://a b/",
  'https://a/"$(id)"',
  "https://a/`id`",
  "https://a/\u001b[2J",
  "https://a/\nfile:///x",
  "https://пример.org/",
  "https://a/\u202e",
]) {
  test(`${JSON.stringify(link)} is not opened`, () =>
    assert.throws(() => parseLink(link), { code: "bad-link" }))
}

test("a link is as long as the limit", () => {
  const link = (bytes: number) => "https://a/".padEnd(bytes, "x")
  assert.equal(parseLink(link(LINK_LIMITS.linkBytes)).length, LINK_LIMITS.linkBytes)
  assert.throws(() => parseLink(link(LINK_LIMITS.linkBytes + 1)), { code: "bad-link" })
})

test("a link goes where the policy says, as one line", async () => {
  let received = ""
  const table = serviceTable({
    "qubes.OpenURL": () =>
      runProgram(async (io) => {
        received = await textOf(io.stdin)
        return 0
      }),
  })
  const run = runProgram(skerryOpenUrl, { argv: ["https://example.org/"], openCall: table.openCall })
  assert.equal(await run.status, 0)
  assert.equal(received, "https://example.org/\n")
  assert.deepEqual(table.calls, [{ target: "@default", service: "qubes.OpenURL" }])
})

test("a domain without a browser does not send a link on", async () => {
  const run = runProgram(skerryOpenUrl, {
    argv: ["https://example.org/"],
    environment: { SKERRY_OPENING: "yes", PATH: "/nonexistent" },
  })
  assert.equal(await run.status, 1)
  assert.match(await textOf(run.stderr), /no browser of its own/)
})

test("a link that came from another domain opens in this one's own browser", async () => {
  const bin = mkdtempSync(join(tmpdir(), "skerry-browser-"))
  try {
    writeFileSync(join(bin, "firefox-esr"), `#!/bin/sh\necho "$@" > ${bin}/opened\n`, { mode: 0o755 })
    const run = runProgram(skerryOpenUrl, {
      argv: ["https://example.org/"],
      environment: { SKERRY_OPENING: "yes", PATH: bin },
    })
    assert.equal(await run.status, 0)
    assert.equal(readFileSync(join(bin, "opened"), "utf8"), "https://example.org/\n")
  } finally {
    rmSync(bin, { recursive: true })
  }
})

test("a bad link reaches no handler, and an endless line is cut short", async () => {
  for (const input of ["file:///etc/passwd\n", "x".repeat(1_000_000)]) {
    const run = runProgram(openUrl, { environment: { PATH: "/nonexistent" } })
    run.stdin.on("error", () => {})
    run.stdin.end(input)
    assert.equal(await run.status, 1)
  }
})

test("the first handler that fits is taken", () => {
  const handlers = "# comment\n.pdf zathura\ntext/* gedit --wait %f --new\nhttps: firefox\n* view\n"
  const types = "text/plain\ttxt log\n"
  assert.deepEqual(chooseHandler("/x/a.PDF", "a.PDF", handlers, types), ["zathura", "/x/a.PDF"])
  assert.deepEqual(chooseHandler("/x/a.log", "a.log", handlers, types), [
    "gedit",
    "--wait",
    "/x/a.log",
    "--new",
  ])
  assert.deepEqual(chooseHandler("https://a/", "https:", handlers, types), ["firefox", "https://a/"])
  assert.deepEqual(chooseHandler("/x/a.png", "a.png", handlers, types), ["view", "/x/a.png"])
  assert.deepEqual(chooseHandler("/x/a", "a", "", ""), ["xdg-open", "/x/a"])
})
