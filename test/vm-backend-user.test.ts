import assert from "node:assert/strict"
import type { ChildProcess } from "node:child_process"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { chown, copyFile, mkdir, readFile, writeFile } from "node:fs/promises"
import { homedir } from "node:os"
import { basename, join } from "node:path"
import { text } from "node:stream/consumers"
import { after, before, describe, test } from "node:test"
import { setTimeout as delay } from "node:timers/promises"
import type { ImageFile, ImageFiles } from "@skerry/isolation"
import { type OrdinaryUser, ordinaryUser } from "./support/ordinary-user.ts"
import { assertConfined, type SeenProcess } from "./support/vm-confinement.ts"
import { vmImage } from "./support/vm-host.ts"
import { untilNobody } from "./support/vm-processes.ts"

const SESSION = join(import.meta.dirname, "support/vm-user-session.ts")
const HOLDER = join(import.meta.dirname, "support/vm-holder.ts")
const GONE_MS = 5000
const FIRST_SUB_UID = 1_800_000_000

describe("virtual machines of an ordinary user", { skip: process.getuid?.() !== 0 }, () => {
  let user: OrdinaryUser
  let imageFile: string
  let cacheDirectory: string

  before(async () => {
    user = ordinaryUser()
    cacheDirectory = join(user.home, "cache")
    const images = join(user.home, "images")
    imageFile = join(user.home, "image.json")
    for (const path of [cacheDirectory, images]) {
      await mkdir(path)
      await chown(path, user.uid, user.uid)
    }
    await writeFile(imageFile, JSON.stringify(await copyImage(await vmImage(), images)))
  })
  after(() => user[Symbol.dispose]())

  async function copyImage(image: ImageFiles, folder: string): Promise<ImageFiles> {
    const copy = async (file: ImageFile): Promise<ImageFile> => {
      const path = join(folder, basename(file.path))
      await copyFile(file.path, path)
      await chown(path, user.uid, user.uid)
      return { path, digest: file.digest }
    }
    const layers = await Promise.all(image.layers.map(copy))
    return { ...image, kernel: await copy(image.kernel), initramfs: await copy(image.initramfs), layers }
  }

  const session = (what: string, ...options: readonly string[]): ChildProcess =>
    user.spawn([process.execPath, ...options, SESSION, imageFile, cacheDirectory, what])

  test("QEMU has no rights, seen from outside, and an account that is not the user's", async () => {
    const child = session("hold")
    assert.ok(child.stdin && child.stdout && child.stderr)
    const complaint = text(child.stderr)
    const exit = once(child, "exit")
    const [line] = await Promise.race([once(child.stdout, "data"), exit])
    let seen: SeenProcess[]
    try {
      seen = JSON.parse(String(line))
    } catch {
      assert.fail(await complaint)
    }
    assert.equal(seen.length, 2)
    const hidden = [user.home, homedir(), import.meta.dirname, "/run", "/tmp", "/home", "/etc", "/var"]
    for (const each of seen) {
      assert.ok(each.uid >= FIRST_SUB_UID && each.uid < FIRST_SUB_UID + 65_536, `${each.uid} is no sub-uid`)
      assertConfined(
        each,
        seen.filter((other) => other !== each),
        hidden,
      )
    }
    child.stdin.end()
    assert.deepEqual(await exit, [0, null], await complaint)
    for (const { pid } of seen) assert.equal(existsSync(`/proc/${pid}`), false)
  })

  test("a daemon that is killed at any moment of a start leaves no process, without any cgroup to sweep", async () => {
    for (const afterMs of [0, 10, 20, 30, 45, 60, 80, 120]) {
      const child = user.spawn([process.execPath, HOLDER, user.home, cacheDirectory])
      assert.ok(child.stdin && child.stdout && child.stderr)
      const exited = once(child, "exit")
      child.stdin.end(await readFile(imageFile))
      const [line] = await Promise.race([once(child.stdout, "data"), exited])
      assert.equal(String(line), "starting\n")
      await delay(afterMs)
      child.kill("SIGKILL")
      await exited
      await untilNobody(
        GONE_MS,
        (uid) => uid === user.uid || (uid >= FIRST_SUB_UID && uid < FIRST_SUB_UID + 65_536),
      )
    }
  })

  test("the backend keeps its promises", async () => {
    const child = session("conformance", "--test-reporter=tap")
    assert.ok(child.stdin && child.stdout && child.stderr)
    child.stdin.end()
    const [output, complaint, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, "exit"),
    ])
    assert.equal(code, 0, output + complaint)
    assert.match(output, /^# pass (?!0)\d+$/m)
    assert.match(output, /^# fail 0$/m)
  })
})
