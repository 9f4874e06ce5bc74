import assert from "node:assert/strict"
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import { afterEach, beforeEach, test } from "node:test"
import { QFILE_ERRNO } from "./qfile.ts"
import { DIRECTORY, directory, END, entry, Home, link } from "./scripted-sender.ts"

/* What a domain may send that no honest sender does. Each row says what the receiver answers; nothing may be written elsewhere. */

let fixture: Home
let home: string
let incoming: string
const receive: Home["receive"] = (...args) => fixture.receive(...args)

beforeEach(() => {
  fixture = new Home()
  home = fixture.path
  incoming = fixture.incoming
})
afterEach(() => fixture[Symbol.dispose]())

const long = (bytes: number) => "n".repeat(bytes)

const NAMES: readonly (readonly [string, string | Buffer, keyof typeof QFILE_ERRNO | undefined])[] = [
  ["an absolute path", "/tmp/skerry-attack-absolute", "bad-name"],
  ["..", "..", "bad-name"],
  ["a path with ..", "../../.bashrc", "bad-name"],
  ["a path with .. in it", "a/../../.bashrc", "bad-name"],
  ["a path that ends with ..", "a/..", "bad-name"],
  [".", ".", "bad-name"],
  ["a path with an empty name", "a//b", "bad-name"],
  ["a path that ends with a slash", "a/", "bad-name"],
  ["NUL in a name", "a\0b", "bad-name"],
  ["a name of NUL alone", "", "bad-name"],
  ["a line end in a name", "a\nb", "bad-name"],
  ["an escape sequence in a name", "\u001b[2J", "bad-name"],
  ["a direction mark in a name", "fdp.\u202eexe", "bad-name"],
  ["a name that is not UTF-8", Buffer.from([0xff, 0xfe]), "bad-name"],
  ["the receiver's own directory", ".skerry-partial/x", "bad-name"],
  ["a name of 255 bytes", long(255), undefined],
  ["a name of 256 bytes", long(256), "too-long"],
  ["a name of 300 bytes", long(300), "too-long"],
  [
    "a path of 16384 bytes",
    Array.from({ length: 64 }, () => long(255))
      .join("/")
      .padEnd(16_384, "x"),
    "too-long",
  ],
]

for (const [what, name, refusal] of NAMES) {
  test(`${what} is ${refusal === undefined ? "taken" : "refused"}`, async () => {
    const { errno } = await receive([entry({ name, content: "x" }), END])
    assert.equal(errno, refusal === undefined ? 0 : QFILE_ERRNO[refusal])
    assert.equal(readdirSync(incoming).length, refusal === undefined ? 1 : 0)
    assert.deepEqual(readdirSync(home), ["QubesIncoming"])
    assert.ok(!existsSync("/tmp/skerry-attack-absolute"))
  })
}

test("even +allow-all-names takes no path tricks", async () => {
  for (const name of ["/x", "..", "a/../b", "a//b", long(300)]) {
    assert.notEqual((await receive([entry({ name }), END], { argument: "allow-all-names" })).errno, 0, name)
  }
  assert.equal((await receive([entry({ name: "a\nb" }), END], { argument: "allow-all-names" })).errno, 0)
})

for (const [what, mode] of [
  ["a character device", 0o020_666],
  ["a block device", 0o060_666],
  ["a pipe", 0o010_666],
  ["a socket", 0o140_666],
  ["no type", 0o644],
  ["a mode with further bits", 0o100_644 + 0x10000],
] as const) {
  test(`${what} is refused`, async () => {
    assert.equal((await receive([entry({ name: "x", mode }), END])).errno, QFILE_ERRNO["bad-type"])
    assert.deepEqual(readdirSync(incoming), [])
  })
}

test("setuid, setgid and sticky do not arrive, nor what the umask takes", async () => {
  await receive([
    entry({ name: "x", mode: 0o107_755 }),
    entry({ name: "d", mode: 0o043_777 }),
    entry({ name: "d", mode: 0o043_777 }),
    END,
  ])
  assert.equal(lstatSync(join(incoming, "x")).mode & 0o7777, 0o755)
  assert.equal(lstatSync(join(incoming, "d")).mode & 0o7777, 0o777 & ~process.umask())
})

for (const [what, name, target, isTaken] of [
  ["a symlink to an absolute path", "d/l", "/etc/passwd", false],
  ["a symlink out of the tree", "d/l", "../other", false],
  ["a symlink far out of the tree", "d/l", "../../../.ssh", false],
  ["a symlink that comes back in", "d/l", "../d/x", false],
  ["a symlink that goes up after a name", "d/e/l", "x/../../y", false],
  ["a symlink alone", "l", "x", false],
  ["a symlink that points nowhere", "d/l", "", false],
  ["a symlink within the tree", "d/e/l", "../x", true],
  ["a symlink to what is not there", "d/l", "not/there", true],
] as const) {
  test(`${what} is ${isTaken ? "taken" : "refused"}`, async () => {
    const { errno } = await receive([directory("d"), directory("d/e"), link(name, target), END])
    assert.equal(errno, isTaken ? 0 : QFILE_ERRNO["bad-link"])
    assert.equal(
      lstatSync(join(incoming, name), { throwIfNoEntry: false })?.isSymbolicLink() ?? false,
      isTaken,
    )
  })
}

test("a symlink cannot redirect what comes after it", async () => {
  const stream = [
    directory("d"),
    directory("d/e"),
    link("d/l", "e"),
    directory("d"),
    entry({ name: "d/l/file", content: "x" }),
    END,
  ]
  assert.notEqual((await receive(stream)).errno, 0)
  assert.ok(!existsSync(join(incoming, "d/e/file")))
})

test("symlinks that lie there already are not followed, as directory or as file", async () => {
  mkdirSync(join(incoming, "d"), { recursive: true })
  mkdirSync(join(home, "secret"))
  writeFileSync(join(home, "victim"), "mine")
  symlinkSync(join(home, "secret"), join(incoming, "d/l"))
  symlinkSync(join(home, "victim"), join(incoming, "f"))
  for (const argument of ["", "resume"]) {
    const probe = argument === "" ? [] : [END]
    await receive([...probe, entry({ name: "d/l/file", content: "x" }), END], { argument })
    await receive([...probe, directory("d/l"), entry({ name: "d/l/file", content: "x" }), END], { argument })
    await receive([...probe, entry({ name: "f", content: "x" }), END], { argument })
    await receive([...probe, entry({ name: "f", content: Buffer.alloc(2_000_000) }), END], { argument })
  }
  assert.deepEqual(readdirSync(join(home, "secret")), [])
  assert.equal(readFileSync(join(home, "victim"), "utf8"), "mine")
})

test("a symlink in the place of the source's own directory, or of QubesIncoming, is not followed", async () => {
  mkdirSync(join(home, "elsewhere"))
  mkdirSync(join(home, "QubesIncoming"))
  symlinkSync("../elsewhere", incoming)
  assert.equal((await receive([entry({ name: "x" }), END])).status, 1)
  assert.deepEqual(readdirSync(join(home, "elsewhere")), [])
})

test("a source whose name is a path is refused", async () => {
  for (const name of ["../evil", "a/b", "..", "", "/x"]) {
    assert.equal((await receive([END], { source: name })).status, 1)
  }
  assert.deepEqual(readdirSync(home), [])
})

test("a domain cannot say that its files are another's", async () => {
  for (const source of ["evil", "dom0"]) {
    assert.equal((await receive([END], { argument: "from.bank", source })).status, 1)
  }
  assert.deepEqual(readdirSync(home), [])
})

test("a stream cut at any offset leaves no incomplete file", async () => {
  const stream = Buffer.concat([
    directory("d"),
    entry({ name: "d/a", content: "content" }),
    directory("d"),
    END,
  ])
  for (let length = 0; length < stream.length; length++) {
    const { errno } = await receive([stream.subarray(0, length)])
    assert.equal(errno, QFILE_ERRNO.cut, `cut at ${length}`)
    const left = existsSync(join(incoming, "d/a")) ? readFileSync(join(incoming, "d/a"), "utf8") : "content"
    assert.equal(left, "content")
    rmSync(incoming, { recursive: true })
  }
})

test("times that cannot be, and directories with content, are refused", async () => {
  assert.equal(
    (await receive([entry({ name: "x", nanoseconds: 1_000_000_000 }), END])).errno,
    QFILE_ERRNO["bad-stream"],
  )
  assert.equal((await receive([entry({ name: "x", nanoseconds: 999_999_999 }), END])).errno, 0)
  assert.equal(
    (await receive([entry({ name: "d", mode: DIRECTORY, bytes: 1n }), END])).errno,
    QFILE_ERRNO["bad-stream"],
  )
})

for (const argument of ["", "resume"]) {
  test(`a directory that was there keeps its mode and time (${argument || "plain"} stream)`, async () => {
    const kept = join(incoming, "kept")
    mkdirSync(kept, { recursive: true })
    chmodSync(kept, 0o700)
    utimesSync(kept, 1, 1)
    const open = entry({ name: "kept", mode: 0o040_777 })
    const stream = [open, directory("kept/new"), directory("kept/new"), open, END]
    const { status } = await receive(argument === "" ? stream : [END, ...stream], { argument })
    assert.equal(status, 0)
    assert.equal(lstatSync(kept).mode & 0o7777, 0o700)
    assert.notEqual(lstatSync(kept).mtimeMs, 0)
    assert.equal(lstatSync(join(kept, "new")).mode & 0o7777, 0o755)
  })
}
