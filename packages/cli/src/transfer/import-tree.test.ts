import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import {
  appendFileSync,
  chmodSync,
  closeSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { PassThrough, type Readable } from "node:stream"
import { test } from "node:test"
import { openLinux } from "@skerry/linux"
import { CallFailure, handler, STATE_METHODS, type TreeRecord } from "@skerry/rpc"
import { scriptedDaemon } from "../state/testing.ts"
import { HOST_TREE_LIMITS, walkHostTree } from "./host-tree.ts"
import { sendTree } from "./send-tree.ts"
import { frameOf, readTreeRecords, TRANSFER_LIMITS } from "./tree-records.ts"

const find = openLinux().fileCalls()

function folderOfTest(t: { after(end: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), "skerry-import-"))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

interface SentEntry {
  readonly kind: string
  readonly mode: number
  readonly time: bigint
  readonly content: string
}

/** What arrives, by path; content shortened to its text. */
async function arrivingFrom(stream: Readable, onRecord: (record: TreeRecord) => void = () => {}) {
  const found = new Map<string, SentEntry>()
  let last = ""
  for await (const record of readTreeRecords({ stdout: stream, result: Promise.resolve() })) {
    onRecord(record)
    if (record.kind === "entry") {
      last = Buffer.from(record.path).toString("latin1")
      const { entryKind: kind, mode, modifyTime: time } = record
      found.set(last, { kind, mode, time, content: Buffer.from(record.target).toString("latin1") })
    } else if (record.kind !== "end") {
      const entry = found.get(last)
      const content =
        record.kind === "hole" ? zeros(record.bytes) : Buffer.from(record.content).toString("latin1")
      if (entry !== undefined) found.set(last, { ...entry, content: entry.content + content })
    }
  }
  return found
}

const zeros = (bytes: bigint) =>
  bytes <= TRANSFER_LIMITS.pieceBytes * 3 ? "\0".repeat(Number(bytes)) : `(${bytes} zeros)`

async function sendAll(folder: string, onRecord?: (record: TreeRecord) => void) {
  const stream = new PassThrough()
  const { signal } = new AbortController()
  const [arrived, sent] = await Promise.all([
    arrivingFrom(stream, onRecord),
    sendTree(folder, stream, { find, signal, onBytes: () => {} }),
  ])
  return { arrived, sent }
}

test("files, directories and symlinks arrive as they are, without setuid bits, the directory itself first", async (t) => {
  const folder = folderOfTest(t)
  mkdirSync(join(folder, "a/b"), { recursive: true })
  writeFileSync(join(folder, "a/b/file"), "content")
  chmodSync(join(folder, "a/b/file"), 0o4751)
  utimesSync(join(folder, "a/b/file"), 1, 1_700_000_000.5)
  symlinkSync("/etc/passwd", join(folder, "a/link"))
  writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0x78, 0xff])]), "raw")
  const { arrived, sent } = await sendAll(folder)
  assert.equal([...arrived.keys()][0], "")
  const lines = [...arrived].map(([path, { kind, content }]) => `${kind} ${path} ${content}`)
  assert.deepEqual(
    new Set(lines),
    new Set([
      "directory  ",
      "directory a ",
      "directory a/b ",
      "file a/b/file content",
      "file x\xff raw",
      "symlink a/link /etc/passwd",
    ]),
  )
  const file = arrived.get("a/b/file")
  assert.deepEqual([file?.mode, file?.time], [0o751, 1_700_000_000_500_000_000n])
  assert.deepEqual([sent.files, sent.directories, sent.symlinks, sent.bytes], [2, 3, 1, 10])
})

test("a symlink to a directory is no way out of the tree", async (t) => {
  const folder = folderOfTest(t)
  mkdirSync(join(folder, "secret"))
  writeFileSync(join(folder, "secret/key"), "secret")
  mkdirSync(join(folder, "given"))
  symlinkSync("../secret", join(folder, "given/way"))
  const { arrived } = await sendAll(join(folder, "given"))
  assert.deepEqual([...arrived.keys()], ["", "way"])
})

test("sockets, pipes and what cannot be read are left out and listed; hard links are counted", async (t) => {
  const folder = folderOfTest(t)
  execFileSync("mkfifo", [join(folder, "pipe")])
  const server = createServer().listen(join(folder, "socket"))
  t.after(() => server.close())
  await new Promise((resolve) => server.once("listening", resolve))
  writeFileSync(join(folder, "one"), "1")
  linkSync(join(folder, "one"), join(folder, "two"))
  const { arrived, sent } = await sendAll(folder)
  assert.deepEqual([...arrived.keys()].sort(), ["", "one", "two"])
  assert.equal(sent.hardLinks, 2)
  assert.deepEqual(sent.skipped.map(({ path, why }) => `${path.toString()} ${why}`).sort(), [
    "pipe pipe",
    "socket socket",
  ])
})

test("a file larger than a piece arrives whole, and so does one with holes", async (t) => {
  const folder = folderOfTest(t)
  const big = Buffer.alloc(2 * TRANSFER_LIMITS.pieceBytes + 1, "x")
  writeFileSync(join(folder, "big"), big)
  writeFileSync(join(folder, "holes"), "")
  truncateSync(join(folder, "holes"), TRANSFER_LIMITS.pieceBytes)
  const { arrived, sent } = await sendAll(folder)
  assert.equal(arrived.get("big")?.content, big.toString())
  assert.equal(arrived.get("holes")?.content, "\0".repeat(TRANSFER_LIMITS.pieceBytes))
  assert.equal(sent.changedCount, 0)
})

test("a file of a terabyte with a few bytes in it takes a few records", async (t) => {
  const folder = folderOfTest(t)
  const file = openSync(join(folder, "sparse"), "w")
  t.after(() => closeSync(file))
  writeSync(file, "head", 0)
  writeSync(file, "tail", 2 ** 40)
  ftruncateSync(file, 2 ** 41)
  let records = 0
  const { arrived, sent } = await sendAll(folder, () => void records++)
  const content = arrived.get("sparse")?.content.replaceAll("\0", "") ?? ""
  // File systems have holes in blocks of their own.
  assert.match(content, /^head\(\d+ zeros\)tail\(\d+ zeros\)$/)
  assert.ok(records < 10, `${records}`)
  assert.equal(sent.bytes, 2 ** 41)
  assert.equal(sent.changedCount, 0)
})

for (const [what, change] of [
  ["grows", (path: string) => appendFileSync(path, "more")],
  ["shrinks", (path: string) => truncateSync(path, 10)],
  [
    "is rewritten in place",
    (path: string) => writeFileSync(path, "y".repeat(3 * TRANSFER_LIMITS.pieceBytes)),
  ],
] as const) {
  test(`a file that ${what} while it is read is said to have changed, and has the size that was announced`, async (t) => {
    const folder = folderOfTest(t)
    const path = join(folder, "file")
    const size = 3 * TRANSFER_LIMITS.pieceBytes
    writeFileSync(path, "x".repeat(size))
    let isChanged = false
    const { arrived, sent } = await sendAll(folder, (record) => {
      if (record.kind !== "piece" || isChanged) return
      isChanged = true
      change(path)
    })
    assert.equal(arrived.get("file")?.content.length, size)
    assert.deepEqual(
      sent.changed.map(({ path, why }) => [path.toString(), why]),
      [["file", "changed"]],
    )
  })
}

test("a directory that becomes a symlink under the walk leads nowhere", (t) => {
  const folder = folderOfTest(t)
  mkdirSync(join(folder, "given/inner"), { recursive: true })
  mkdirSync(join(folder, "secret"))
  writeFileSync(join(folder, "secret/key"), "secret")
  writeFileSync(join(folder, "given/inner/file"), "fine")
  const paths: string[] = []
  for (const entry of walkHostTree(join(folder, "given"))) {
    paths.push(`${entry.kind} ${entry.path.toString()}`)
    if (entry.path.toString() !== "inner") continue
    // It is open: what takes its name now is not what is read.
    renameSync(join(folder, "given/inner"), join(folder, "moved"))
    symlinkSync("../secret", join(folder, "given/inner"))
  }
  assert.deepEqual(paths, ["directory ", "directory inner", "file inner/file"])
})

test("directories in directories, as many as the limit, are walked, and one more is refused", (t) => {
  const folder = folderOfTest(t)
  const deep = join(folder, ...new Array<string>(HOST_TREE_LIMITS.depth - 1).fill("d"))
  mkdirSync(deep, { recursive: true })
  assert.equal([...walkHostTree(folder)].length, HOST_TREE_LIMITS.depth)
  mkdirSync(join(deep, "d"))
  assert.throws(() => [...walkHostTree(folder)], /Directories in directories, more than 512/)
})

test("import tells what came of it, and has status 1 where something is not as it was", async (t) => {
  const folder = folderOfTest(t)
  writeFileSync(join(folder, "a"), "aaa")
  const asked: unknown[] = []
  await using daemon = await scriptedDaemon([
    handler(STATE_METHODS.stateImport, async ({ tree, path, merge }, { stdin }) => {
      const files = (await arrivingFrom(stdin)).size
      asked.push({ tree, path: Buffer.from(path).toString(), merge, files })
      return { files: BigInt(files), bytes: 3n, version: 4 }
    }),
  ])
  const whole = await daemon.run("import", folder, "mail", "--to", "/projects/site/")
  assert.equal(whole.status, 0)
  assert.equal(whole.stdout, "1 file (3 B) in 1 directory are in mail, kept as version 4\n")
  assert.match(whole.stderr, /Into mail: done, 3 B/)
  execFileSync("mkfifo", [join(folder, "p\u001b[31m")])
  const partly = await daemon.run("import", folder, "mail", "--merge", "-q")
  assert.equal(partly.status, 0)
  assert.match(partly.stdout, /Left out \(1\):\n {2}"p\\u001b\[31m": a pipe\n/)
  assert.deepEqual(asked, [
    { tree: "mail", path: "projects/site", merge: false, files: 2 },
    { tree: "mail", path: "", merge: true, files: 2 },
  ])
  const json = await daemon.run("import", folder, "mail", "--json", "-q")
  assert.deepEqual(JSON.parse(json.stdout).skipped, [{ path: "p\u001b[31m", why: "pipe", code: "" }])
})

test("a store that gives up ends the import at once, with its reason", async (t) => {
  const folder = folderOfTest(t)
  for (let number = 0; number < 200; number++)
    writeFileSync(join(folder, `f${number}`), Buffer.alloc(500_000))
  await using daemon = await scriptedDaemon([
    handler(STATE_METHODS.stateImport, async (_, { stdin }) => {
      for await (const _chunk of stdin) throw new CallFailure("no-space", "The store is full")
      throw new Error("Nothing came")
    }),
  ])
  const { status, stderr } = await daemon.run("import", folder, "mail", "-q")
  assert.deepEqual([status, stderr], [1, "skerry import: The store is full\n"])
})

test("what is no directory is said to be none", async () => {
  await using daemon = await scriptedDaemon([
    handler(STATE_METHODS.stateImport, () => assert.fail("It was sent")),
  ])
  writeFileSync(join(daemon.folder, "file"), "")
  assert.match((await daemon.run("import", "file", "mail", "-q")).stderr, /it is no directory/)
  assert.match((await daemon.run("import", "none", "mail", "-q")).stderr, /there is no such directory/)
})

test("records survive being cut anywhere, and a stream without its end is not taken for a whole one", async () => {
  const records: TreeRecord[] = [
    {
      kind: "entry",
      entryKind: "file",
      path: Buffer.from("a"),
      mode: 0o644,
      modifyTime: 1n,
      size: 3n,
      target: Buffer.alloc(0),
    },
    { kind: "piece", content: Buffer.from("abc") },
    { kind: "end" },
  ]
  const bytes = Buffer.concat(records.map(frameOf))
  for (let cut = 0; cut <= bytes.length; cut++) {
    const stream = new PassThrough()
    stream.write(bytes.subarray(0, cut))
    stream.end(bytes.subarray(cut))
    const [entry] = [...(await arrivingFrom(stream)).values()]
    assert.equal(entry?.content, "abc")
  }
  for (let length = 0; length < bytes.length; length++) {
    const stream = new PassThrough()
    stream.end(bytes.subarray(0, length))
    await assert.rejects(arrivingFrom(stream), /it was cut off/)
  }
  const long = Buffer.alloc(4)
  long.writeUInt32LE(TRANSFER_LIMITS.recordBytes + 1)
  const stream = new PassThrough()
  stream.end(long)
  await assert.rejects(arrivingFrom(stream), /a record of 262209 bytes came/)
})
