import assert from "node:assert/strict"
import { test } from "node:test"
import { gpgArguments } from "./arguments.ts"
import { emptyRequest, parseCommandLine } from "./command-line.ts"

const usage = (pattern: RegExp) => (error: Error) => {
  assert.equal((error as { code?: string }).code, "usage")
  assert.match(error.message, pattern)
  return true
}

test("git's way to sign is understood", () => {
  const { request, data, statusFd } = parseCommandLine(["--status-fd=2", "-bsau", "Ada <ada@example.org>"])
  assert.deepEqual(request, {
    ...emptyRequest("detach-sign"),
    armor: true,
    status: true,
    localUsers: ["Ada <ada@example.org>"],
  })
  assert.deepEqual(data, { kind: "stdin" })
  assert.equal(statusFd, 2)
})

test("git's way to verify is understood", () => {
  const line = parseCommandLine(["--keyid-format=long", "--status-fd=1", "--verify", "/tmp/sig", "-"])
  assert.equal(line.request.isDetached, true)
  assert.equal(line.request.keyIdFormat, "long")
  assert.deepEqual(line.signature, { kind: "file", path: "/tmp/sig" })
  assert.deepEqual(line.data, { kind: "stdin" })
})

test("gpgme's way is understood: what means nothing in a vault is left out", () => {
  const words =
    "--enable-special-filenames --batch --no-sk-comments --status-fd 9 --no-tty --charset utf8 --enable-progress-filter --exit-on-status-write-error --display :0 --logger-fd 11 --command-fd 5 --detach --armor -u KEY -- -&13"
  const line = parseCommandLine(words.split(" "))
  assert.deepEqual(line.data, { kind: "fd", fd: 13 })
  assert.equal(line.loggerFd, 11)
  assert.deepEqual(gpgArguments(line.request, ["F".repeat(40)]).slice(5), [
    "--status-fd=3",
    "--armor",
    `--local-user=${"F".repeat(40)}`,
    "--detach-sign",
  ])
})

test("what could run a program, read a file or loosen a check is refused by name", () => {
  for (const option of [
    "--photo-viewer=sh",
    "--homedir=/tmp",
    "--options=/tmp/x",
    "--keyring",
    "--exec-path",
    "--agent-program=/bin/sh",
    "--passphrase-fd",
    "--pinentry-mode",
    "--export-secret-keys",
    "--delete-secret-keys",
    "--edit-key",
    "--gen-key",
    "--load-extension",
    "--log-file",
    "--sig-notation",
    "--set-policy-url",
    "--override-session-key",
    "--show-session-key",
    "--symmetric",
    "-c",
    "--sig",
    "--dec",
    "--constructor",
    "--__proto__",
  ]) {
    assert.throws(() => parseCommandLine([option, "--sign"]), usage(/does not reach the vault/), option)
  }
})

test("a command line that says nothing, or two things, is refused", () => {
  assert.throws(() => parseCommandLine([]), usage(/Say what to do/))
  assert.throws(() => parseCommandLine(["--sign", "--decrypt"]), usage(/decrypt sign at once/))
  assert.throws(() => parseCommandLine(["--sign", "a", "b"]), usage(/2 files/))
  assert.throws(() => parseCommandLine(["--status-fd=x", "--sign"]), usage(/no number of a descriptor/))
  assert.throws(() => parseCommandLine(["--status-fd=1024", "--sign"]), usage(/no number of a descriptor/))
  assert.throws(() => parseCommandLine(["--armor=yes", "--sign"]), usage(/takes no value/))
  assert.throws(() => parseCommandLine(["--sign", "-u"]), usage(/needs a value/))
  assert.throws(() => parseCommandLine(["--digest-algo", "MD5", "--sign"]), usage(/"MD5"/))
})

test("no word of the client's can become an option in the vault", () => {
  const hostile = ["--export-secret-keys", "-o/etc/passwd", "--", "@file"]
  const request = { ...emptyRequest("export"), keys: hostile }
  assert.deepEqual(gpgArguments(request, []).slice(-6), ["--export", "--", ...hostile])
  const encrypting = { ...emptyRequest("encrypt"), recipients: hostile, hiddenRecipients: hostile }
  for (const word of gpgArguments(encrypting, []).slice(5, -1))
    assert.match(word, /^--(?:hidden-)?recipient=/)
})
