import assert from "node:assert/strict"
import {
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { PassThrough } from "node:stream"
import { afterEach, beforeEach, test } from "node:test"
import { type Program, SERVICES } from "@skerry/services"
import { CapturedOutput } from "../testing.ts"
import { openAndBringBack } from "./bring-back.ts"
import { openHostCall } from "./host-call.ts"
import { connectToDomains, terminalWith } from "./scripted-domain.ts"

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "skerry-open-cli-"))
  path = join(folder, "a.txt")
  writeFileSync(path, "before")
})
afterEach(() => rmSync(folder, { recursive: true }))

/** Reads name and file, and sends this back. */
const answering =
  (answer: string): Program =>
  async ({ stdin, stdout }) => {
    for await (const _ of stdin);
    stdout.write(answer)
    return 0
  }

async function open(program: Program, context = terminalWith("y\n"), over = {}) {
  const connection = connectToDomains({ "@dispvm": { "qubes.OpenInVM": { program, home: folder } } })
  const call = () =>
    openHostCall(connection, { target: "@dispvm", service: "qubes.OpenInVM" }, context.signal)
  await openAndBringBack(context, call, path, {
    isViewOnly: false,
    isAgreed: false,
    keepsBackup: true,
    ...over,
  })
  return context.stderr.text
}

test("a changed file is shown, asked for, brought back, and the original kept", async () => {
  const said = await open(answering("after, longer"))
  assert.match(
    said,
    /a\.txt was changed:\n {2}before {2}6 B \(6\) {2}sha256:[0-9a-f]{64}\n {2}after {3}13 B \(13\) {2}sha256:/,
  )
  assert.match(said, /Bring it back\? \[y\/N\]/)
  assert.equal(readFileSync(path, "utf8"), "after, longer")
  assert.equal(readFileSync(`${path}.orig`, "utf8"), "before")
  await open(answering("again"))
  assert.deepEqual(readdirSync(folder).sort(), ["a.txt", "a.txt.orig", "a.txt.orig.2"])
})

for (const [what, typed] of [
  ["no", "n\n"],
  ["nothing", "\n"],
  ["anything else", "yeah sure\n"],
  ["that the input ends", ""],
] as const) {
  test(`a user who says ${what} keeps the original`, async () => {
    await open(answering("after"), terminalWith(typed))
    assert.equal(readFileSync(path, "utf8"), "before")
    assert.deepEqual(readdirSync(folder), ["a.txt"])
  })
}

test("without a terminal nothing is brought back, but for --yes", async () => {
  const noTerminal = () => ({
    stdin: new PassThrough(),
    stderr: new CapturedOutput(),
    signal: new AbortController().signal,
  })
  assert.match(
    await open(answering("after"), noTerminal() as ReturnType<typeof terminalWith>),
    /no terminal to ask on/,
  )
  assert.equal(readFileSync(path, "utf8"), "before")
  await open(answering("after"), noTerminal() as ReturnType<typeof terminalWith>, {
    isAgreed: true,
    keepsBackup: false,
  })
  assert.equal(readFileSync(path, "utf8"), "after")
  assert.deepEqual(readdirSync(folder), ["a.txt"])
})

test("a file that comes back unchanged, or with --view-only, asks nothing", async () => {
  assert.match(await open(answering("")), /was not changed/)
  assert.equal(await open(answering("after"), terminalWith("y\n"), { isViewOnly: true }), "")
  assert.equal(readFileSync(path, "utf8"), "before")
})

test("a change on the host meanwhile is told before the question", async () => {
  const said = await open(async (io) => {
    writeFileSync(path, "host's own")
    return await answering("after")(io)
  }, terminalWith("n\n"))
  assert.match(said, /Meanwhile it was changed on the host as well/)
  assert.equal(readFileSync(path, "utf8"), "host's own")
})

test("the real service opens with the handler of its image, here none", async () => {
  const program = await SERVICES["qubes.OpenInVM"]?.()
  assert.ok(program)
  const noPath: Program = (io) => program({ ...io, environment: { ...io.environment, PATH: "/nonexistent" } })
  await assert.rejects(open(noPath), /ended with status 127/)
  assert.deepEqual(readdirSync(folder), ["a.txt"])
})

test("what a disposable prints cannot be taken for what the host says", async () => {
  const forged = "a.txt was not changed\nOpen the log? [y/N] "
  const said = await open(async (io) => {
    io.stderr.write(`${forged}\u001b[2J`)
    return await answering("after")(io)
  }, terminalWith("n\n"))
  assert.match(
    said,
    /^ {2}│ a\.txt was not changed\n {2}│ Open the log\? \[y\/N\] \\u001b\[2J\n\S*a\.txt was changed:/,
  )
})

test("what was typed before the question does not answer it", async () => {
  await open(answering("after"), terminalWith("\n", "y\ny\ny\n"))
  assert.equal(readFileSync(path, "utf8"), "before")
})

test("of a symlink the file is opened and replaced, and the symlink stays", async () => {
  const target = join(folder, "target")
  renameSync(path, target)
  symlinkSync("target", path)
  await open(answering("after"))
  assert.ok(lstatSync(path).isSymbolicLink())
  assert.equal(readFileSync(target, "utf8"), "after")
  assert.equal(readFileSync(`${target}.orig`, "utf8"), "before")
})

test("a file may have the longest name that there is", async () => {
  renameSync(path, join(folder, `${"ä".repeat(125)}.txt`))
  path = join(folder, `${"ä".repeat(125)}.txt`)
  await open(answering("after"), terminalWith("y\n"), { keepsBackup: false })
  assert.equal(readFileSync(path, "utf8"), "after")
})
