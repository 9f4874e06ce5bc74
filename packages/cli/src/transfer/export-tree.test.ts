import assert from "node:assert/strict"
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { CallFailure, handler, STATE_METHODS, type TreeRecord } from "@skerry/rpc"
import { scriptedDaemon } from "../state/testing.ts"
import { openEmptyDirectory } from "./empty-directory.ts"
import { HOST_WRITER_LIMITS, HostWriter } from "./host-writer.ts"
import { frameOf } from "./tree-records.ts"

type Entry = Extract<TreeRecord, { readonly kind: "entry" }>

const entry = (
  entryKind: Entry["entryKind"],
  path: string | Uint8Array,
  more: Partial<Entry> = {},
): Entry => ({
  kind: "entry",
  entryKind,
  path: typeof path === "string" ? Buffer.from(path) : path,
  mode: entryKind === "directory" ? 0o755 : 0o644,
  modifyTime: 1_700_000_000_500_000_000n,
  size: 0n,
  target: Buffer.alloc(0),
  ...more,
})
const file = (path: string, content: string, more: Partial<Entry> = {}): TreeRecord[] => [
  entry("file", path, { size: BigInt(content.length), ...more }),
  ...(content === "" ? [] : [{ kind: "piece", content: Buffer.from(content) } as const]),
]
const link = (path: string, target: string) =>
  entry("symlink", path, { target: Buffer.from(target), mode: 0o777 })
const ROOT = entry("directory", "")
const END: TreeRecord = { kind: "end" }

function place(t: { after(end: () => void): void }) {
  const folder = mkdtempSync(join(tmpdir(), "skerry-export-"))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return { folder, out: join(folder, "out") }
}

function writeAll(directory: string, records: readonly TreeRecord[], between = (_: TreeRecord) => {}) {
  using writer = new HostWriter(openEmptyDirectory(directory), Buffer.from("single"), 0o022)
  for (const record of records) {
    between(record)
    writer.add(record)
  }
  return writer.written
}

test("a tree is written with its permissions, times and links, without setuid bits", (t) => {
  const { out } = place(t)
  const written = writeAll(out, [
    ROOT,
    entry("directory", "a", { mode: 0o500 }),
    link("a/up", "../../etc"),
    ...file("a/tool", "#!", { mode: 0o6777 }),
    entry("directory", "a/deep"),
    ...file("a/deep/empty", ""),
    END,
  ])
  assert.deepEqual(written, { files: 2, directories: 2, symlinks: 1, bytes: 2 })
  const modeOf = (path: string) => lstatSync(join(out, path)).mode & 0o7777
  assert.deepEqual([modeOf("a"), modeOf("a/tool"), modeOf("a/deep/empty")], [0o500, 0o755, 0o644])
  assert.equal(readlinkSync(join(out, "a/up")), "../../etc")
  for (const path of ["a", "a/tool", "a/up"])
    assert.equal(lstatSync(join(out, path)).mtimeMs, 1_700_000_000_500)
})

test("a single file is written under its own name", (t) => {
  const { out } = place(t)
  writeAll(out, [...file("", "content"), END])
  assert.equal(readFileSync(join(out, "single"), "utf8"), "content")
})

for (const untrustedPath of [
  "..",
  "../x",
  "a/../../x",
  ".",
  "a/.",
  "/etc/x",
  "a//b",
  "a/",
  "a\0b",
  "n".repeat(256),
]) {
  test(`the path ${JSON.stringify(untrustedPath.slice(0, 20))} is refused for every kind of entry`, (t) => {
    const { folder } = place(t)
    for (const [at, kind] of (["file", "directory", "symlink"] as const).entries()) {
      const out = join(folder, `out${at}`)
      const bad = entry(kind, untrustedPath, { target: Buffer.from("t") })
      assert.throws(
        () => writeAll(out, [ROOT, entry("directory", "a"), bad, END]),
        /Cannot write .*no path of names/,
      )
    }
    assert.deepEqual(readdirSync(folder).sort(), ["out0", "out1", "out2"])
  })
}

test("names of 255 bytes, and bytes that are no text, are written as they are", (t) => {
  const { out } = place(t)
  const raw = Buffer.from([0x61, 0xff, 0x1b])
  writeAll(out, [ROOT, ...file("n".repeat(255), "x"), entry("file", raw), END])
  const names = readdirSync(out, { encoding: "buffer" as never }) as unknown as Buffer[]
  assert.ok(names.some((name) => Buffer.from(name).equals(raw)))
})

test("a symlink that came is never written through, whatever comes after it", (t) => {
  const { folder, out } = place(t)
  mkdirSync(join(folder, "home"))
  const through = [ROOT, link("way", "../home"), ...file("way/key", "stolen"), END]
  assert.throws(() => writeAll(out, through), /Cannot write way\/key: its directory is not there/)
  assert.throws(
    () => writeAll(join(folder, "b"), [ROOT, link("x", "../home/y"), ...file("x", "content"), END]),
    /Cannot write x: something of that name is there/,
  )
  assert.deepEqual(readdirSync(join(folder, "home")), [])
})

test("an entry that comes twice, or without its directory, is refused", (t) => {
  const { folder } = place(t)
  for (const [at, records] of [
    [...file("a", "1"), ...file("a", "2")],
    [entry("directory", "a"), ...file("a", "2")],
    [...file("a", "1"), entry("directory", "a")],
    [...file("a/b", "1")],
    [...file("a", "1"), ...file("a/b", "1")],
  ].entries()) {
    assert.throws(() => writeAll(join(folder, String(at)), [ROOT, ...records, END]), { name: "CliError" })
  }
})

test("content that was not announced, or is missing, is refused", (t) => {
  const { folder } = place(t)
  const piece: TreeRecord = { kind: "piece", content: Buffer.from("abc") }
  for (const [at, records] of [
    [ROOT, piece],
    [ROOT, entry("file", "a", { size: 2n }), piece],
    [ROOT, entry("file", "a", { size: 4n }), piece, END],
    [ROOT, entry("directory", "a"), piece],
    [ROOT, link("a", ""), END],
    [ROOT, link("a", "b\0c"), END],
  ].entries()) {
    assert.throws(() => writeAll(join(folder, String(at)), records), { name: "CliError" })
  }
})

test("whoever replaces a directory by a symlink meanwhile leads nothing out", (t) => {
  const { folder, out } = place(t)
  mkdirSync(join(folder, "home"))
  const records = [
    ROOT,
    entry("directory", "a"),
    ...file("a/one", "1"),
    entry("directory", "b"),
    ...file("b/two", "2"),
    ...file("a/three", "3"),
    END,
  ]
  assert.throws(
    () =>
      writeAll(out, records, (record) => {
        if (record.kind !== "entry" || Buffer.from(record.path).toString() !== "b/two") return
        renameSync(join(out, "a"), join(folder, "moved"))
        symlinkSync("../home", join(out, "a"))
      }),
    /Cannot write a\/three: its directory was replaced/,
  )
  // One that is being written to is found wherever it went.
  const other = join(folder, "other")
  writeAll(
    other,
    [ROOT, entry("directory", "a"), ...file("a/one", "1"), ...file("a/two", "2"), END].slice(0, -1),
    (record) => {
      if (record.kind !== "entry" || Buffer.from(record.path).toString() !== "a/two") return
      renameSync(join(other, "a"), join(folder, "away"))
      symlinkSync("../home", join(other, "a"))
    },
  )
  assert.deepEqual(readdirSync(join(folder, "away")).sort(), ["one", "two"])
  assert.deepEqual(readdirSync(join(folder, "home")), [])
})

test("a file that somebody puts there meanwhile is not written over", (t) => {
  const { out } = place(t)
  assert.throws(
    () =>
      writeAll(out, [ROOT, ...file("a", "ours"), END], (record) => {
        if (record.kind === "entry" && record.entryKind === "file") writeFileSync(join(out, "a"), "theirs")
      }),
    /Cannot write a: something of that name is there/,
  )
  assert.equal(readFileSync(join(out, "a"), "utf8"), "theirs")
})

test("a path as deep as the limit is written, and a deeper one is refused", (t) => {
  const { folder } = place(t)
  const chain = (depth: number) =>
    Array.from({ length: depth }, (_, at) =>
      entry("directory", new Array<string>(at + 1).fill("d").join("/")),
    )
  assert.equal(
    writeAll(join(folder, "a"), [ROOT, ...chain(HOST_WRITER_LIMITS.depth), END]).directories,
    HOST_WRITER_LIMITS.depth,
  )
  assert.throws(
    () => writeAll(join(folder, "b"), [ROOT, ...chain(HOST_WRITER_LIMITS.depth + 1)]),
    /deeper than 512/,
  )
})

test("a directory that is not empty, a file, and one without a parent are refused", (t) => {
  const { folder } = place(t)
  mkdirSync(join(folder, "full"))
  writeFileSync(join(folder, "full/file"), "")
  assert.throws(
    () => openEmptyDirectory(join(folder, "full")),
    /it is not empty, and nothing is written over/,
  )
  assert.throws(() => openEmptyDirectory(join(folder, "full/file")), /it is no directory/)
  assert.throws(() => openEmptyDirectory(join(folder, "no/way")), /the directory above it is not there/)
})

const exporting = (records: readonly TreeRecord[]) =>
  handler(STATE_METHODS.stateExport, ({ tree, version }, { stdout, send }) => {
    if (tree !== "mail" || version === "9") throw new CallFailure("unknown-version", "There is no version 9")
    send({ done: 0n, total: 5n })
    for (const record of records) stdout.write(frameOf(record))
    return { files: 1n, bytes: 5n }
  })

test("export writes what the store sends, and says what it was", async () => {
  await using daemon = await scriptedDaemon([exporting([ROOT, ...file("a", "hello"), link("l", "a"), END])])
  const { status, stdout, stderr } = await daemon.run("export", "mail", "new")
  assert.deepEqual([status, stdout], [0, "Wrote 1 file (5 B), 0 directories, 1 symlink\n"])
  assert.match(stderr, /From mail: done, 5 B/)
  assert.equal(readFileSync(join(daemon.folder, "new/l"), "utf8"), "hello")
})

test("export says why the store refuses, and that its stream was cut", async () => {
  await using daemon = await scriptedDaemon([exporting([ROOT, ...file("a", "hello")])])
  const refused = await daemon.run("export", "mail", "a", "--version", "9", "-q")
  assert.deepEqual([refused.status, refused.stderr], [1, "skerry export: There is no version 9\n"])
  const cut = await daemon.run("export", "mail", "b", "-q")
  assert.match(cut.stderr, /What the store sent cannot be used: it was cut off/)
  assert.equal(existsSync(join(daemon.folder, "b/a")), true)
})

test("show --cat prints a file byte by byte, and no directory", async () => {
  const content = "a\u001b[31m\u00ff\n"
  await using daemon = await scriptedDaemon([
    exporting([...file("", content), { kind: "hole", bytes: 5000n }, END]),
  ])
  const { status, stdout } = await daemon.run("state", "show", "mail", "a/file", "--cat")
  assert.deepEqual([status, stdout], [0, content + "\0".repeat(5000)])
  await using other = await scriptedDaemon([exporting([ROOT, END])])
  assert.match(
    (await other.run("state", "show", "mail", "a", "--cat")).stderr,
    /"a" is no file but a directory/,
  )
})
