import assert from "node:assert/strict"
import { randomBytes } from "node:crypto"
import { cpSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { BackupError, type BackupErrorCode } from "../../packages/cli/src/backup/errors.ts"
import { describeFake } from "../../packages/cli/src/backup/fake-state.ts"
import { pruneBackups } from "../../packages/cli/src/backup/prune.ts"
import { bytesOf, cutAfter, PASSPHRASE, quiet, Scene } from "../../packages/cli/src/backup/testing.ts"
import { verifyBackup } from "../../packages/cli/src/backup/verify.ts"

const fails = (code: BackupErrorCode) => (error: unknown) =>
  error instanceof BackupError && error.code === code
const verify = (scene: Scene, dest?: string) =>
  scene.open((vault) => verifyBackup(vault, { ...quiet, describe: describeFake }), dest)

test("a second backup writes only what changed, whatever the tree's size", async () => {
  using scene = new Scene()
  const big = randomBytes(300_000)
  scene.state.keep("mail", { big, small: "a" })
  const first = await scene.backUp()
  scene.state.keep("mail", { big, small: "b" })
  scene.state.given = 0
  const second = await scene.backUp()
  assert.ok(first.newBytes > 300_000)
  assert.ok(second.newBytes < 3000, String(second.newBytes))
  assert.ok(scene.state.given < 10)
  assert.deepEqual((await verify(scene)).problems, [])
})

test("what two trees have in common is kept once", async () => {
  using scene = new Scene()
  const big = randomBytes(100_000)
  scene.state.keep("mail", { big })
  await scene.backUp()
  scene.state.keep("work", { copy: { of: big } })
  assert.ok((await scene.backUp()).newBytes < 9000)
})

test("a backup in which nothing changed is a backup all the same", async () => {
  using scene = new Scene()
  scene.state.keep("mail", { a: "a" })
  await scene.backUp()
  const { backup, newObjects } = await scene.backUp()
  assert.equal(backup.number, 2)
  assert.equal(newObjects, 0)
})

test("cut at every write, nothing half-done is listed, and the next backup goes on", async () => {
  using whole = new Scene()
  const versions = [
    { a: randomBytes(5000), d: { b: "b" } },
    { a: "other", d: { b: "b", c: randomBytes(2000) } },
  ]
  for (const version of versions) whole.state.keep("mail", version)
  await whole.backUp()
  const steps = whole.files().length
  assert.ok(steps >= 6)
  for (let cut = 0; cut < steps; cut++) {
    using scene = new Scene()
    for (const version of versions) scene.state.keep("mail", version)
    await assert.rejects(scene.backUp({ wrap: cutAfter(cut) }), fails("no-space"))
    if (cut > 0) assert.equal(await scene.open((vault) => Promise.resolve(vault.chain.backups.length)), 0)
    const { reusedBytes, backup } = await scene.backUp()
    assert.equal(backup.number, 1)
    assert.equal(reusedBytes > 0, cut > 1, `cut after ${cut}`)
    const report = await verify(scene)
    assert.deepEqual([report.problems, report.unlisted], [[], 0], `cut after ${cut}`)
  }
})

test("prune keeps what kept backups need, and cut at any step loses nothing of them", async () => {
  const fill = async (scene: Scene) => {
    const same = randomBytes(20_000)
    for (let at = 0; at < 4; at++) {
      scene.state.keep("mail", { same, other: randomBytes(30_000) })
      await scene.backUp({ versions: "last" })
    }
  }
  const prune = (scene: Scene, cut: number) =>
    scene.open((vault) =>
      pruneBackups({
        ...quiet,
        vault: { ...vault, place: cutAfter(cut)(vault.place) },
        isKept: ({ number }) => number === 2 || number === 4,
      }),
    )
  using scene = new Scene()
  await fill(scene)
  const before = scene.files().reduce((sum, path) => sum + bytesOf(path).length, 0)
  const { removed, freedBytes } = await prune(scene, 1000)
  assert.deepEqual(removed, [1, 3])
  assert.ok(freedBytes > 50_000)
  assert.ok(scene.files().reduce((sum, path) => sum + bytesOf(path).length, 0) <= before - 50_000)
  assert.deepEqual((await verify(scene)).problems, [])
  assert.equal((await scene.backUp({ versions: "last" })).backup.number, 5)
  rmSync(scene.dest, { recursive: true })
  await fill(scene)
  const filled = scene.copyTo("filled")
  for (let cut = 0; cut < 14; cut++) {
    rmSync(scene.dest, { recursive: true })
    cpSync(filled, scene.dest, { recursive: true })
    await prune(scene, cut).catch((error: unknown) => assert.ok(fails("no-space")(error)))
    const numbers = await scene.open(({ chain }) =>
      Promise.resolve(chain.backups.map(({ number }) => number)),
    )
    assert.ok(["1,2,3,4", "2,4"].includes(numbers.join(",")), numbers.join(","))
    assert.deepEqual((await verify(scene)).problems, [])
    assert.equal((await scene.backUp({ versions: "last" })).backup.number, 5)
    assert.deepEqual((await verify(scene)).problems, [], `cut after ${cut}`)
  }
})

test("a bit flipped anywhere is found, and never taken for good", async () => {
  using scene = new Scene()
  scene.state.keep("mail", { a: "some text", d: { b: "b" } })
  await scene.backUp()
  scene.state.keep("mail", { a: "other text" })
  await scene.backUp()
  for (const path of scene.files().filter((each) => !each.endsWith("skerry-backup"))) {
    const good = bytesOf(path)
    for (let at = 0; at < good.length; at += 7 + (at % 13)) {
      const bad = Buffer.from(good)
      bad[at] = (bad[at] ?? 0) ^ (1 << (at % 8))
      writeFileSync(path, bad)
      const { problems } = await verify(scene)
      assert.notDeepEqual(problems, [], `${path} at ${at}`)
    }
    writeFileSync(path, good)
  }
  assert.deepEqual((await verify(scene)).problems, [])
})

test("a bit flipped in the header is refused as what it looks like", async () => {
  using scene = new Scene()
  await scene.backUp()
  const path = join(scene.dest, "skerry-backup")
  const good = bytesOf(path)
  for (let at = 0; at < good.length; at += 7) {
    const bad = Buffer.from(good)
    bad[at] = (bad[at] ?? 0) ^ 1
    writeFileSync(path, bad)
    await assert.rejects(
      scene.open(() => Promise.resolve(), scene.dest, PASSPHRASE),
      (error) => error instanceof BackupError && error.code !== "io",
    )
  }
})

test("each part and manifest that is missing, cut short or in another's place is found", async () => {
  using scene = new Scene()
  scene.state.keep("mail", { a: "first" })
  await scene.backUp()
  scene.state.keep("mail", { a: "second" })
  await scene.backUp()
  scene.state.keep("mail", { a: "third" })
  await scene.backUp()
  const files = scene.files().filter((path) => !path.endsWith("skerry-backup"))
  const newest = files.filter((path) => path.includes("/manifests/")).at(-1)
  const good = new Map(files.map((path) => [path, bytesOf(path)]))
  /** Reading everything finds all; before adding, only what can be seen at once. */
  const found = async (what: string, isSeenAtOnce = true) => {
    assert.notDeepEqual((await verify(scene)).problems, [], what)
    if (isSeenAtOnce) await assert.rejects(scene.backUp(), fails("damaged"), what)
    for (const [path, bytes] of good) writeFileSync(path, bytes)
  }
  for (const path of files) {
    if (path !== newest) {
      rmSync(path)
      await found(`missing ${path}`)
    }
    writeFileSync(path, good.get(path)?.subarray(0, -1) ?? "")
    await found(`cut ${path}`)
    for (const other of files) {
      if (other === path) continue
      writeFileSync(path, good.get(other) ?? "")
      const isSeenAtOnce = path.includes("/manifests/") || good.get(other)?.length !== good.get(path)?.length
      await found(`${other} in the place of ${path}`, isSeenAtOnce)
    }
  }
  const [one = "", two = ""] = files.filter((path) => path.includes("/parts/"))
  renameSync(one, `${one}x`)
  renameSync(two, one)
  renameSync(`${one}x`, two)
  await found("two parts swapped", false)
})

test("the wrong passphrase opens nothing", async () => {
  using scene = new Scene()
  await scene.backUp()
  await assert.rejects(
    scene.open(() => Promise.resolve(), scene.dest, "incorrect horse"),
    fails("wrong-passphrase"),
  )
})

test("two backups into one folder: the second is refused", async () => {
  using scene = new Scene()
  await scene.backUp()
  await scene.open(async () => {
    await assert.rejects(scene.backUp(), fails("in-use"))
  })
})

test("nothing of names or contents can be read in the files", async () => {
  using scene = new Scene()
  scene.state.keep("mail", { "very-secret-name": "very secret content" })
  await scene.backUp()
  for (const path of scene.files())
    assert.doesNotMatch(bytesOf(path).toString("latin1"), /secret|policy|mail/)
  assert.deepEqual(readdirSync(scene.dest).sort(), ["lock", "manifests", "parts", "skerry-backup"])
})
