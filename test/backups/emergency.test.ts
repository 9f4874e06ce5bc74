import assert from "node:assert/strict"
import { execFileSync, spawnSync } from "node:child_process"
import { randomBytes } from "node:crypto"
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { PASSPHRASE, Scene } from "../../packages/cli/src/backup/testing.ts"

const SCRIPT = join(import.meta.dirname, "../../share/backup/open-backup.sh")

/** All that the script may use: what a Debian has, with openssl, xxd and zstd. */
const TOOLS =
  "awk basename cat chmod cut dd find grep head ln mkdir openssl rm sed sh sha256sum tail tar touch tr truncate wc xxd zstd".split(
    " ",
  )

const missing = TOOLS.filter((tool) => spawnSync("which", [tool]).status !== 0)

function openByHand(scene: Scene, name: string, ...words: string[]) {
  const tools = join(scene.folder, "tools")
  if (!existsSync(tools)) {
    mkdirSync(tools)
    for (const tool of TOOLS) {
      symlinkSync(execFileSync("which", [tool], { encoding: "utf8" }).trim(), join(tools, tool))
    }
    writeFileSync(join(scene.folder, "key"), `${PASSPHRASE}\n`)
  }
  const target = join(scene.folder, name)
  const args = [SCRIPT, scene.dest, target, join(scene.folder, "key"), ...words]
  const { status, stderr } = spawnSync(join(tools, "sh"), args, { env: { PATH: tools }, encoding: "utf8" })
  return { status, stderr, target }
}

test("without Skerry, tools of any Debian bring every file back", async (t) => {
  if (missing.length > 0) return t.skip(`not installed: ${missing.join(", ")}`)
  using scene = new Scene()
  symlinkSync("skerry.json", join(scene.configuration, "link"))
  const big = randomBytes(10_000)
  const odd = Buffer.from([0x20, 0x2d, 0x0a, 0xff, 0x5c, 0x27, 0x24]).toString("latin1")
  scene.state.keep("mail", { old: "old" })
  scene.state.keep("mail", {
    big,
    empty: "",
    d: { "of it": "text", deeper: { big } },
    [odd]: "odd",
    "-": "dash",
  })
  scene.state.keep("work", {})
  await scene.backUp()
  const first = scene.state.keep("mail", { later: "later" })
  await scene.backUp()
  assert.ok(first)

  const newest = openByHand(scene, "newest")
  assert.deepEqual([newest.status, newest.stderr], [0, ""])
  assert.deepEqual(readdirSync(join(newest.target, "state/mail")), ["later"])

  const { target, status, stderr } = openByHand(scene, "first", "1")
  assert.deepEqual([status, stderr], [0, ""])
  const at = (path: string) => Buffer.from(join(target, "state/mail", path), "latin1")
  assert.deepEqual(readdirSync(at(""), "latin1").sort(), ["-", "big", "d", "empty", odd].sort())
  for (const path of ["big", "d/deeper/big"]) assert.ok(readFileSync(at(path)).equals(big))
  assert.equal(readFileSync(at("d/of it"), "utf8"), "text")
  assert.equal(readFileSync(at(odd), "utf8"), "odd")
  assert.equal(readFileSync(at("empty"), "utf8"), "")
  const stats = lstatSync(at("big"))
  assert.deepEqual([stats.mode & 0o777, stats.mtimeMs / 1000], [0o640, 1_760_000_000])
  assert.deepEqual(readdirSync(join(target, "state/work")), [])
  assert.deepEqual(readdirSync(target).sort(), ["configuration", "state"])
  const file = (folder: string) => readFileSync(join(folder, "policy.d/30-mine.policy"), "utf8")
  assert.equal(file(join(target, "configuration")), file(scene.configuration))
})

test("by hand as well, what was altered, moved or taken away is found, and leaves nothing", async (t) => {
  if (missing.length > 0) return t.skip(`not installed: ${missing.join(", ")}`)
  using scene = new Scene()
  scene.state.keep("mail", { a: "a" })
  await scene.backUp()
  await scene.backUp()
  const alter = (path: string, why: RegExp) => {
    const good = readFileSync(path)
    const bad = Buffer.from(good)
    bad[60] = (bad[60] ?? 0) ^ 1
    writeFileSync(path, bad)
    const { status, stderr, target } = openByHand(scene, "altered")
    assert.equal(status, 1)
    assert.match(stderr, why)
    assert.ok(!existsSync(target))
    writeFileSync(path, good)
  }
  alter(join(scene.dest, "skerry-backup"), /passphrase is wrong/)
  for (const path of scene.files()) {
    if (path.includes("/manifests/")) alter(path, /was altered/)
  }
  const wanted = readdirSync(join(scene.dest, "parts"))
  const altered = wanted.filter((name) => {
    const path = join(scene.dest, "parts", name)
    const good = readFileSync(path)
    writeFileSync(path, good.subarray(0, -1))
    const { status } = openByHand(scene, "cut")
    writeFileSync(path, good)
    return status === 1
  })
  // The index is not needed by hand.
  assert.equal(altered.length, wanted.length - 1)
  const [one = "", two = ""] = ["00000001", "00000002"].map((name) => join(scene.dest, "manifests", name))
  writeFileSync(two, readFileSync(one))
  assert.match(openByHand(scene, "moved").stderr, /was moved/)
})
