import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import { chmod, mkdir, mkdtemp, rename, rm, symlink, utimes, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { treeDigest } from "./tree-digest.ts"

const never = new AbortController().signal

async function tree() {
  const path = await mkdtemp(join(tmpdir(), "skerry-tree-"))
  await mkdir(join(path, "b"))
  await writeFile(join(path, "b/file"), "content")
  await writeFile(join(path, "a"), Buffer.alloc(3 << 20, "x"))
  await symlink("b/file", join(path, "link"))
  await chmod(join(path, "a"), 0o644)
  await chmod(join(path, "b/file"), 0o644)
  return {
    path,
    at: (name: string) => join(path, name),
    digest: () => treeDigest(path, never),
    [Symbol.asyncDispose]: () => rm(path, { recursive: true }),
  }
}

test("equal trees have equal digests, whatever their times", async () => {
  await using one = await tree()
  await using other = await tree()
  await utimes(other.at("a"), 1, 1)
  assert.equal(await one.digest(), await other.digest())
})

const changes: Record<string, (at: (name: string) => string) => Promise<unknown>> = {
  "a byte of a small file": (at) => writeFile(at("b/file"), "c0ntent"),
  "a byte of a large file": (at) =>
    writeFile(at("a"), Buffer.concat([Buffer.alloc((3 << 20) - 1, "x"), Buffer.of(0)])),
  "a mode": (at) => chmod(at("b/file"), 0o755),
  "a name": (at) => rename(at("a"), at("c")),
  "a file that was added": (at) => writeFile(at("b/new"), ""),
  "a file that was removed": (at) => rm(at("b/file")),
  "a link that leads elsewhere": (at) => rm(at("link")).then(() => symlink("b/f1le", at("link"))),
  "a link in place of a file": (at) => rm(at("b/file")).then(() => symlink("content", at("b/file"))),
}
for (const [name, change] of Object.entries(changes)) {
  test(`the digest shows ${name}`, async () => {
    await using one = await tree()
    const before = await one.digest()
    await change(one.at)
    assert.notEqual(await one.digest(), before)
  })
}

test("setuid programs, pipes and names that are no text are refused", async () => {
  await using setuid = await tree()
  await chmod(setuid.at("a"), 0o4755)
  await assert.rejects(setuid.digest(), /setuid/)
  await using pipe = await tree()
  execFileSync("mkfifo", [pipe.at("pipe")])
  await assert.rejects(pipe.digest(), /neither file, directory nor link/)
  await using name = await tree()
  await writeFile(Buffer.concat([Buffer.from(`${name.path}/`), Buffer.of(0xff)]), "")
  await assert.rejects(name.digest(), /not UTF-8/)
})

test("an abort ends it", async () => {
  await using one = await tree()
  await assert.rejects(treeDigest(one.path, AbortSignal.abort()), { name: "AbortError" })
})
