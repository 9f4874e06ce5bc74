import assert from "node:assert/strict"
import { randomBytes } from "node:crypto"
import { existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { collectConfiguration } from "../../packages/cli/src/backup/configuration-files.ts"
import { BackupError, type BackupErrorCode } from "../../packages/cli/src/backup/errors.ts"
import { FakeState } from "../../packages/cli/src/backup/fake-state.ts"
import { restore } from "../../packages/cli/src/backup/restore.ts"
import { chooseBackup, planRestore } from "../../packages/cli/src/backup/restore-plan.ts"
import { remember, whyOlder } from "../../packages/cli/src/backup/seen.ts"
import type { StateSink } from "../../packages/cli/src/backup/state-access.ts"
import { bytesOf, quiet, Scene } from "../../packages/cli/src/backup/testing.ts"

const fails = (code: BackupErrorCode) => (error: unknown) =>
  error instanceof BackupError && error.code === code
const writeDurably = (path: string, content: string) => Promise.resolve(writeFileSync(path, content))

interface Over {
  readonly from?: number
  readonly sink?: StateSink
  readonly examine?: (directory: string) => Promise<void>
  readonly name?: string
}

async function restoreInto(scene: Scene, sink: StateSink, over: Over = {}): Promise<void> {
  await scene.open(async (vault) => {
    const plan = await planRestore(vault, chooseBackup(vault, over.from), quiet)
    await restore({
      ...quiet,
      plan,
      configuration: join(scene.folder, over.name ?? "restored"),
      markerPath: join(scene.folder, "restore.json"),
      sink: over.sink ?? sink,
      writeDurably,
      examine: over.examine ?? (() => Promise.resolve()),
    })
  })
}

async function filledScene(): Promise<Scene> {
  const scene = new Scene()
  scene.write("config/parts/deep/er.ts", "export {}")
  symlinkSync("parts/deep/er.ts", join(scene.configuration, "link.ts"))
  scene.state.keep("mail", { a: randomBytes(5000), d: { b: "b" } })
  scene.state.keep("mail", { a: "changed" })
  scene.state.keep("work", { c: randomBytes(3000) })
  await scene.backUp()
  return scene
}

const digests = async (state: FakeState, tree: string) =>
  (await state.versions(tree)).map(({ digest }) => digest)

test("what was backed up comes back: files, links, and every version's digest", async () => {
  using scene = await filledScene()
  const sink = new FakeState()
  await restoreInto(scene, sink)
  for (const tree of ["mail", "work"])
    assert.deepEqual(await digests(sink, tree), await digests(scene.state, tree))
  const before = await collectConfiguration(scene.configuration)
  const after = await collectConfiguration(join(scene.folder, "restored"))
  assert.equal(after.digest, before.digest)
  assert.ok(!existsSync(join(scene.folder, "restore.json")))
})

test("an earlier backup comes back as it was", async () => {
  using scene = await filledScene()
  scene.state.keep("work", { c: "later" })
  await scene.backUp()
  const sink = new FakeState()
  await restoreInto(scene, sink, { from: 1 })
  assert.equal((await digests(sink, "work")).length, 1)
  await assert.rejects(restoreInto(scene, sink, { from: 9, name: "other" }), fails("unknown-backup"))
})

test("a place that is not empty is refused, and left as it is", async () => {
  using scene = await filledScene()
  scene.write("restored/skerry.json", "mine")
  await assert.rejects(restoreInto(scene, new FakeState()), fails("not-empty"))
  assert.equal(readFileSync(join(scene.folder, "restored/skerry.json"), "utf8"), "mine")
  const taken = new FakeState()
  taken.keep("mine", { a: "a" })
  await assert.rejects(restoreInto(scene, taken, { name: "elsewhere" }), fails("not-empty"))
  assert.deepEqual(await digests(taken, "mail"), [])
})

test("images that come out differently leave nothing restored", async () => {
  using scene = await filledScene()
  const sink = new FakeState()
  const examine = () => Promise.reject(new BackupError("differs", "images differ"))
  await assert.rejects(restoreInto(scene, sink, { examine }), fails("differs"))
  assert.deepEqual(await sink.trees(), [])
  assert.deepEqual(readdirSync(scene.folder).sort(), ["config", "dest"])
})

test("a restore that fails at any of its steps leaves nothing, and works when it is run again", async () => {
  using scene = await filledScene()
  for (let step = 0; ; step++) {
    const sink = new FakeState()
    const { failing, isReached } = failingAt(sink, step)
    const outcome = await restoreInto(scene, sink, { sink: failing, name: `r${step}` }).catch(
      (error: unknown) => error,
    )
    if (!isReached()) {
      assert.ok(step >= 3)
      break
    }
    assert.match(String(outcome), /the store failed/)
    assert.deepEqual(await sink.trees(), [], `step ${step}`)
    assert.ok(!existsSync(join(scene.folder, `r${step}`)))
    await restoreInto(scene, sink, { name: `r${step}` })
    assert.deepEqual(await digests(sink, "mail"), await digests(scene.state, "mail"))
  }
})

test("a restore that was killed goes on, and another one is not mixed with it", async () => {
  using scene = await filledScene()
  await scene.backUp()
  const sink = new FakeState()
  const full = new FakeState()
  await restoreInto(scene, full, { name: "other" })
  await sink.put(
    (async function* () {
      yield* await Promise.resolve([...full.objects_.values()])
    })(),
  )
  await sink.adopt("mail", await full.versions("mail"))
  const { id } = await scene.open((vault) => Promise.resolve(vault))
  writeFileSync(join(scene.folder, "restore.json"), `{"backupId":"${id}","number":1}\n`)
  scene.write("restored.restoring/half", "written")
  await assert.rejects(restoreInto(scene, sink, { from: 2 }), fails("not-empty"))
  await restoreInto(scene, sink, { from: 1 })
  for (const tree of ["mail", "work"])
    assert.deepEqual(await digests(sink, tree), await digests(scene.state, tree))
  assert.deepEqual(readdirSync(join(scene.folder, "restored")).sort(), [
    "link.ts",
    "parts",
    "policy.d",
    "skerry.json",
  ])
})

test("one part damaged: nothing is restored, and the part is named", async () => {
  using scene = await filledScene()
  for (const path of scene.files().filter((each) => each.includes("/parts/"))) {
    const good = bytesOf(path)
    const bad = Buffer.from(good)
    bad[50] = (bad[50] ?? 0) ^ 4
    writeFileSync(path, bad)
    const sink = new FakeState()
    await assert.rejects(
      restoreInto(scene, sink),
      (error) => fails("damaged")(error) && /parts\/[0-9a-f]{64}/.test(String(error)),
    )
    assert.deepEqual(await sink.trees(), [])
    assert.ok(!existsSync(join(scene.folder, "restored")))
    writeFileSync(path, good)
  }
})

test("a broken chain: what came before it is restored only if it is asked for", async () => {
  using scene = await filledScene()
  await scene.backUp()
  await scene.backUp()
  writeFileSync(join(scene.dest, "manifests/00000002"), "x")
  await assert.rejects(
    restoreInto(scene, new FakeState()),
    (error) => fails("damaged")(error) && /--from: 1$/.test(String(error)),
  )
  await restoreInto(scene, new FakeState(), { from: 1 })
})

test("an older point in time of the whole is told from the record of what was there", async () => {
  using scene = await filledScene()
  const record = join(scene.folder, "backups.json")
  const look = (dest?: string) => scene.open(({ id, chain }) => whyOlder(record, id, scene.dest, chain), dest)
  const note = () =>
    scene.open(({ id, chain }) => remember(record, { id, place: scene.dest, chain }, writeDurably))
  assert.equal(await look(), undefined)
  await note()
  const old = scene.copyTo("old")
  await scene.backUp()
  assert.equal(await look(), undefined)
  await note()
  assert.match(
    (await look(old)) ?? "",
    /older point in time: it had backup 2 of 2025-\d\d-\d\d \d\d:\d\d when .* now the newest is backup 1/,
  )
  using fork = new Scene()
  assert.equal(
    await whyOlder(
      record,
      "0".repeat(32),
      "/elsewhere",
      await scene.open(({ chain }) => Promise.resolve(chain)),
    ),
    undefined,
  )
  assert.match(
    (await whyOlder(
      record,
      "0".repeat(32),
      scene.dest,
      await scene.open(({ chain }) => Promise.resolve(chain)),
    )) ?? "",
    /another backup/,
  )
  assert.ok(fork)
})

function failingAt(sink: FakeState, step: number) {
  let left = step
  let reached = false
  const count = () => {
    if (left-- !== 0) return
    reached = true
    throw new Error("the store failed")
  }
  const failing: StateSink = {
    trees: () => sink.trees(),
    versions: (tree) => sink.versions(tree),
    removeTree: (tree) => sink.removeTree(tree),
    put: async (objects) => {
      count()
      await sink.put(objects)
    },
    adopt: async (tree, versions) => {
      count()
      await sink.adopt(tree, versions)
    },
  }
  return { failing, isReached: () => reached }
}
