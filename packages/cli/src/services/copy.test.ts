import assert from "node:assert/strict"
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, test } from "node:test"
import type { ProgressEvent } from "@skerry/model"
import { DEFAULT_QUOTA, type Program, SERVICES, sendFiles } from "@skerry/services"
import { copyIn, copyOut, relayCopy } from "./copy.ts"
import { planCopy } from "./places.ts"
import { connectToDomains } from "./scripted-domain.ts"

let folder: string
const at = (...names: string[]) => join(folder, ...names)
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "skerry-cp-"))
  for (const name of ["mail", "work", "host"]) mkdirSync(at(name))
})
afterEach(() => rmSync(folder, { recursive: true }))

const LONG = Buffer.alloc(3_000_000, "0123456789")

async function context(over: { readonly reader?: Program; readonly quota?: number } = {}) {
  const filecopy = await SERVICES["qubes.Filecopy"]?.()
  const fileRead = over.reader ?? (await SERVICES["skerry.FileRead"]?.())
  assert.ok(filecopy !== undefined && fileRead !== undefined)
  const domain = (home: string) => ({
    "qubes.Filecopy": { program: filecopy, home },
    "skerry.FileRead": { program: fileRead, home },
  })
  const events: ProgressEvent[] = []
  return {
    connection: connectToDomains({ mail: domain(at("mail")), work: domain(at("work")) }),
    signal: new AbortController().signal,
    onProgress: (event: ProgressEvent) => void events.push(event),
    allNames: false,
    ignoreSymlinks: false,
    quota: { ...DEFAULT_QUOTA, bytes: over.quota ?? DEFAULT_QUOTA.bytes },
    events,
  }
}

test("host files arrive in a domain's QubesIncoming/dom0", async () => {
  writeFileSync(at("host/long"), LONG)
  writeFileSync(at("host/note"), "hello")
  const copy = await context()
  await copyIn(copy, [at("host/long"), at("host/note")], "mail")
  assert.ok(readFileSync(at("mail/QubesIncoming/dom0/long")).equals(LONG))
  assert.equal(readFileSync(at("mail/QubesIncoming/dom0/note"), "utf8"), "hello")
  assert.deepEqual(copy.events[0], {
    kind: "begin",
    step: "mail",
    label: "To mail",
    total: 3_000_005,
    unit: "bytes",
  })
  assert.equal(copy.events.at(-1)?.kind, "end")
})

test("a domain's files and trees arrive on the host, and nothing is left beside them", async () => {
  mkdirSync(at("mail/dir"))
  writeFileSync(at("mail/dir/long"), LONG)
  symlinkSync("long", at("mail/dir/link"))
  writeFileSync(at("mail/note"), "hello")
  const copy = await context()
  await copyOut(copy, "mail", ["dir/", "note"], at("host"))
  assert.deepEqual(readdirSync(at("host")).sort(), ["dir", "note"])
  assert.ok(readFileSync(at("host/dir/link")).equals(LONG))
  assert.ok(copy.events.some((event) => event.kind === "advance" && event.total === 3_000_005))
})

test("from one domain to another the host only passes on, and the files are the first one's", async () => {
  writeFileSync(at("mail/long"), LONG)
  writeFileSync(at("mail/note"), "hello")
  await relayCopy(await context(), "mail", ["long", "note"], "work")
  assert.ok(readFileSync(at("work/QubesIncoming/mail/long")).equals(LONG))
  assert.equal(readFileSync(at("work/QubesIncoming/mail/note"), "utf8"), "hello")
  // The same again is fine, and another file of the name is not.
  await relayCopy(await context(), "mail", ["long", "note"], "work")
  writeFileSync(at("mail/note"), "other")
  await assert.rejects(
    relayCopy(await context(), "mail", ["note"], "work"),
    /something of that name is there already/,
  )
})

test("what is missing is told in the domain's words, made harmless", async () => {
  await assert.rejects(
    copyOut(await context(), "mail", ["missing"], at("host")),
    /mail says: Cannot copy .*missing/,
  )
  await assert.rejects(
    relayCopy(await context(), "mail", ["missing"], "work"),
    /mail says: Cannot copy .*missing/,
  )
  await assert.rejects(copyIn(await context(), [at("host/missing")], "mail"), /there is no such file/)
  const evil: Program = async ({ stderr }) => {
    stderr.write(`\u001b[2J\nskerry: all is well\n${"x".repeat(1_000_000)}`)
    return 1
  }
  await assert.rejects(
    copyOut(await context({ reader: evil }), "mail", ["a"], at("host")),
    (error: Error) => {
      assert.match(error.message, /^mail says: \\u001b\[2J \/ skerry: all is well \/ x+…$/)
      return error.message.length < 600
    },
  )
})

test("a domain that was asked for one file brings no other", async () => {
  writeFileSync(at("mail/.bashrc"), "evil")
  const evil: Program = async ({ stdin, stdout }) => {
    // The list of paths comes first: u32 length and the text.
    await new Promise((resolve) => stdin.once("readable", resolve))
    stdin.read(4 + "report.pdf".length)
    await sendFiles({
      paths: [at("mail/.bashrc")],
      output: stdout,
      replies: stdin,
      resume: true,
      isGreeted: true,
      ignoreSymlinks: false,
    })
    return 0
  }
  await assert.rejects(
    copyOut(await context({ reader: evil }), "mail", ["report.pdf"], at("host")),
    /was not asked for/,
  )
  assert.deepEqual(readdirSync(at("host")), [])
})

test("a domain brings no more than the quota", async () => {
  writeFileSync(at("mail/long"), LONG)
  await copyOut(await context({ quota: LONG.length }), "mail", ["long"], at("host"))
  rmSync(at("host/long"))
  await assert.rejects(copyOut(await context({ quota: LONG.length - 1 }), "mail", ["long"], at("host")), {
    code: "quota",
  })
  assert.deepEqual(readdirSync(at("host")), [])
})

test("what the words of a command line mean", () => {
  assert.deepEqual(planCopy(["mail:a/b", "mail:/c", "work:"]).fetched, new Map([["mail", ["a/b", "/c"]]]))
  assert.deepEqual(planCopy(["./a:b", "@dispvm:pdf:"]), {
    hostPaths: ["./a:b"],
    fetched: new Map(),
    to: { kind: "domain", domain: "@dispvm:pdf", path: "" },
  })
  for (const words of [
    ["a", "b"],
    ["mail:", "."],
    ["mail:..", "."],
    ["mail:a/..", "."],
    ["a", "mail:dir/"],
    ["mail:"],
  ]) {
    assert.throws(() => planCopy(words), { code: "usage" }, words.join(" "))
  }
})
