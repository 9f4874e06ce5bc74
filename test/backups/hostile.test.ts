import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { zstdCompressSync } from "node:zlib"
import {
  collectConfiguration,
  readConfiguration,
  writeConfiguration,
} from "../../packages/cli/src/backup/configuration-files.ts"
import { BackupError, type BackupErrorCode } from "../../packages/cli/src/backup/errors.ts"
import { openHeader } from "../../packages/cli/src/backup/header.ts"
import { BACKUP_LIMITS } from "../../packages/cli/src/backup/limits.ts"
import { parseManifest } from "../../packages/cli/src/backup/manifest.ts"
import { objectDigest, readPack } from "../../packages/cli/src/backup/pack.ts"
import { planRestore } from "../../packages/cli/src/backup/restore-plan.ts"
import { seal, unseal } from "../../packages/cli/src/backup/seal.ts"
import { readTar, TAR_END, type TarEntry, tarPieces } from "../../packages/cli/src/backup/tar.ts"
import { quiet, Scene } from "../../packages/cli/src/backup/testing.ts"

/* What somebody who has the passphrase could write: everything authentic, and nothing as it should be. */

const fails = (code: BackupErrorCode) => (error: unknown) =>
  error instanceof BackupError && error.code === code
const file = (path: string, content = "x"): TarEntry => ({
  path: Buffer.from(path, "latin1"),
  kind: "file",
  mode: 0o644,
  modifyTime: 0,
  content: Buffer.from(content),
})
const folder = (path: string): TarEntry => ({ ...file(path, ""), kind: "directory" })
const link = (path: string, target: string): TarEntry => ({
  ...file(path, ""),
  kind: "symlink",
  target: Buffer.from(target, "latin1"),
})
const tarOf = (...entries: TarEntry[]) => Buffer.concat([...entries.flatMap(tarPieces), TAR_END])

test("a configuration with a path or a link that leads out of it is refused as a whole", () => {
  const bad: Record<string, Buffer> = {
    up: tarOf(folder("a"), file("a/../../etc/passwd")),
    absolute: tarOf(file("/etc/passwd")),
    dot: tarOf(folder("a"), file("a/./b")),
    empty: tarOf(folder("a"), file("a//b")),
    "link up": tarOf(link("a", "../outside")),
    "link up from below": tarOf(folder("a"), link("a/b", "../../outside")),
    "absolute link": tarOf(link("a", "/etc")),
    "through a link": tarOf(folder("b"), link("a", "b"), file("a/file")),
    "through a file": tarOf(file("a"), file("a/file")),
    "in no folder": tarOf(file("a/b")),
    twice: tarOf(file("a"), file("a", "other")),
    "link and folder": tarOf(link("a", "b"), folder("a")),
    "long name": tarOf(file("n".repeat(256))),
    deep: tarOf(
      ...Array.from({ length: 33 }, (_, at) => folder(Array.from({ length: at + 1 }, () => "d").join("/"))),
    ),
  }
  for (const [name, tar] of Object.entries(bad))
    assert.throws(() => readConfiguration(tar), fails("unsafe"), name)
})

test("names of any bytes and the longest path come back, through tar as well", async () => {
  const folderPath = mkdtempSync(join(tmpdir(), "skerry-names-"))
  try {
    const long = "l".repeat(255)
    const odd = Buffer.from([0xff, 0x0a, 0x20, 0x5c]).toString("latin1")
    const entries = readConfiguration(
      tarOf(folder(long), file(`${long}/${long}`, "deep"), file(odd), link("to", `${long}/${long}`)),
    )
    await writeConfiguration(join(folderPath, "one"), entries)
    const { tar, digest, leftOut } = await collectConfiguration(join(folderPath, "one"))
    assert.deepEqual(leftOut, [])
    writeFileSync(join(folderPath, "it.tar"), tar)
    execFileSync("mkdir", [join(folderPath, "two")])
    execFileSync("tar", ["-xpf", join(folderPath, "it.tar"), "-C", join(folderPath, "two")])
    assert.equal((await collectConfiguration(join(folderPath, "two"))).digest, digest)
  } finally {
    rmSync(folderPath, { recursive: true })
  }
})

test("links out of the configuration, pipes and sockets are left out, and said so", async () => {
  using scene = new Scene()
  symlinkSync("/etc/passwd", join(scene.configuration, "out"))
  execFileSync("mkfifo", [join(scene.configuration, "pipe")])
  const { leftOut } = await collectConfiguration(scene.configuration)
  assert.deepEqual(leftOut, [
    "out: a link that leads out of the configuration",
    "pipe: neither file, folder nor link",
  ])
})

test("a tar with devices, hard links, wrong lengths or no end is refused", () => {
  const read = (bytes: Buffer) => [...readTar(bytes, "it")]
  const good = tarOf(file("a", "content"))
  const altered = (at: number, text: string) => {
    const bytes = Buffer.from(good)
    bytes.write(text, at, "latin1")
    bytes.write("        ", 148, "latin1")
    const sum = bytes.subarray(0, 512).reduce((total, byte) => total + byte, 0)
    bytes.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1")
    return bytes
  }
  for (const type of ["1", "3", "4", "6", "g", "L"])
    assert.throws(() => read(altered(156, type)), fails("unsafe"), type)
  for (const size of ["77777777777", "00000007777", "-0000000001", "99999999999"]) {
    assert.throws(() => read(altered(124, size)), fails("damaged"), size)
  }
  for (let end = 0; end < good.length - 512; end += 100) {
    assert.throws(() => read(good.subarray(0, end)), fails("damaged"), String(end))
  }
})

test("a part that unpacks to more than a part has is not unpacked", async () => {
  const key = Buffer.alloc(32, 1)
  const most = await seal(key, "chunks", Buffer.alloc(BACKUP_LIMITS.plainBytes))
  assert.equal((await unseal(key, "chunks", most, "it")).length, BACKUP_LIMITS.plainBytes)
  await assert.rejects(unseal(key, "nodes", most, "it"), fails("damaged"))
  await assert.rejects(seal(key, "chunks", Buffer.alloc(BACKUP_LIMITS.plainBytes + 1)), RangeError)
  const bomb = await seal(key, "chunks", Buffer.alloc(10), () =>
    zstdCompressSync(Buffer.alloc(BACKUP_LIMITS.plainBytes + 1)),
  )
  assert.ok(bomb.length < 10_000)
  await assert.rejects(unseal(key, "chunks", bomb, "it"), fails("unsafe"))
})

test("a pack with anything but objects under their digests is refused", () => {
  const read = (...entries: TarEntry[]) => [...readPack(tarOf(...entries), "it")]
  const name = (kind: "chunk" | "node", content: string) =>
    `${kind}/${objectDigest(kind, Buffer.from(content)).toString("hex")}`
  const node = file(name("node", "n"), "n")
  const list = file(name("node", "n").replace("node", "list"), "")
  assert.equal(read(file(name("chunk", "c"), "c"), node, list).length, 2)
  for (const entries of [
    [file(name("chunk", "c"), "other")],
    [file(name("chunk", "n"), "n"), list],
    [file("../../etc/passwd")],
    [file("chunk/../../x")],
    [node],
    [list],
    [node, file(name("chunk", "c"), "c"), list],
    [link(name("chunk", "c"), "c")],
  ]) {
    assert.throws(() => read(...entries), fails("damaged"))
  }
})

test("a manifest that says anything else than a manifest says is refused", () => {
  const head = "skerry-backup-manifest 1\nsequence 1\nprevious -\nwhole\n"
  const digest = `sha256:${"0".repeat(64)}`
  const backup = `backup 1 1 0.1.0 ${digest} ${"0".repeat(64)} ${"0".repeat(64)}\n`
  assert.equal(parseManifest(`${head}${backup}tree mail\nend\n`, "it").backups.length, 1)
  for (const text of [
    "",
    head,
    `${head}end`,
    `${head}tree mail\nend\n`,
    `${head}${backup}tree ../mail\nend\n`,
    `${head}${backup}tree mail\ntree mail\nend\n`,
    `${head}${backup}version 1 ${digest} 1 stop 1 1 note=\nend\n`,
    `${head}${backup}tree mail\nversion 1 ${digest} 1 stop 1 99999999999999999 note=\nend\n`,
    `${head}${backup}tree mail\nversion 1 sha256:.. 1 stop 1 1 note=\nend\n`,
    `${head}constructor x\nend\n`,
    `${head}part chunks ../../x 1 1\nend\n`,
    `${head}end\nend\nmore\n`,
  ]) {
    assert.throws(() => parseManifest(text, "it"), fails("damaged"), text)
  }
  assert.throws(() => parseManifest("skerry-backup-manifest 2\n", "it"), fails("too-new"))
})

test("a header that asks for much memory, or is of a later format, is refused before any work", async () => {
  const of = (version: number, scrypt: string) =>
    Buffer.from(
      `skerry-backup ${version}\nid ${"0".repeat(32)}\nscrypt ${scrypt}\nsalt ${"0".repeat(64)}\nkey ${"0".repeat(64)}\nmac ${"0".repeat(64)}\n`,
    )
  for (const scrypt of ["1048576 8 1", "16385 8 1", "8192 8 1", "131072 999 1", "131072 8 99"]) {
    await assert.rejects(openHeader(of(1, scrypt), "x"), fails("unsafe"), scrypt)
  }
  await assert.rejects(openHeader(of(2, "131072 8 1"), "x"), fails("too-new"))
  await assert.rejects(openHeader(Buffer.from("something else"), "x"), fails("not-a-backup"))
})

test("links and pipes in the place of a backup's files are not followed, nor waited for", async () => {
  using scene = new Scene()
  scene.state.keep("mail", { a: "a" })
  await scene.backUp()
  const part = scene.files().find((path) => path.includes("/parts/")) ?? ""
  rmSync(part)
  symlinkSync("/etc/passwd", part)
  const plan = () => scene.open((vault) => planRestore(vault, vault.chain.backups[0] ?? assert.fail(), quiet))
  await assert.rejects(plan(), fails("unsafe"))
  rmSync(part)
  execFileSync("mkfifo", [part])
  await assert.rejects(plan(), fails("unsafe"))
  rmSync(part)
  execFileSync("truncate", ["-s", "1T", part])
  await assert.rejects(plan(), fails("too-large"))
})

test("a medium whose folders are links is refused, and nothing behind them is removed", async () => {
  using scene = new Scene()
  await scene.backUp()
  const elsewhere = join(scene.folder, "elsewhere")
  mkdirSync(elsewhere)
  const mine = join(elsewhere, "a".repeat(64))
  writeFileSync(mine, "mine")
  rmSync(join(scene.dest, "parts"), { recursive: true })
  symlinkSync(elsewhere, join(scene.dest, "parts"))
  await assert.rejects(scene.backUp(), fails("unsafe"))
  await assert.rejects(
    scene.open(() => Promise.resolve()),
    fails("unsafe"),
  )
  assert.equal(readFileSync(mine, "utf8"), "mine")
})
