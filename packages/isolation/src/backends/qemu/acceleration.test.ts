import assert from "node:assert/strict"
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, writeFileSync } from "node:fs"
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { zstdCompressSync } from "node:zlib"
import { openLinux } from "@skerry/linux"
import { parseDigest } from "@skerry/model"
import { Accounts } from "../../accounts.ts"
import type { ImageFile, ImageFiles } from "../../backend.ts"
import { openCgroups } from "../../cgroup.ts"
import { knownAcceleration, type ProbeOptions, parseRecord, probeAcceleration } from "./acceleration.ts"

const linux = openLinux()
const RECORD = "acceleration.json"

/** A host whose QEMU cannot be started, so that every attempt is told from a remembered answer. */
async function openTrial(changes: Partial<ProbeOptions> = {}) {
  const folder = await mkdtemp(join(tmpdir(), "skerry-acceleration-"))
  const cacheDirectory = join(folder, "cache")
  const options: ProbeOptions = {
    linux,
    accounts: new Accounts({
      ...{ uid: 0, userName: "root", subuid: "", subgid: "" },
      lockDirectory: join(folder, "locks"),
      tryLock: () => true,
    }),
    cgroups: await openCgroups({ mountinfo: "", selfCgroup: "", uid: 0, home: folder }),
    cacheDirectory,
    host: {
      architecture: "x64",
      bwrapPath: "/nonexistent/bwrap",
      folders: [],
      qemuIdentity: "QEMU 1",
      qemuVersion: "QEMU 1",
      cpuModel: "test",
      kvm: { kind: "anyone" },
    },
    image: imageIn(folder, "kernel 1"),
    bootId: "boot-1",
    ...changes,
  }
  const path = join(cacheDirectory, RECORD)
  return {
    options,
    path,
    folder,
    /** Writes what an earlier probe has found with these options. */
    async remember(acceleration: string) {
      const { host, image, bootId } = options
      const key = [host.qemuIdentity, image?.kernel.digest, bootId].join(" ")
      mkdirSync(cacheDirectory, { recursive: true })
      await writeFile(path, JSON.stringify({ key, acceleration, why: "remembered" }))
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  }
}

function imageIn(folder: string, kernel: string): ImageFiles {
  const file = (name: string, bytes: Buffer): ImageFile => {
    const path = join(folder, `${name}-${bytes.length}`)
    writeFileSync(path, bytes)
    return { path, digest: parseDigest(`sha256:${createHash("sha256").update(bytes).digest("hex")}`) }
  }
  const [first, initramfs] = [
    file("kernel", zstdCompressSync(kernel)),
    file("initramfs", Buffer.from("cpio")),
  ]
  return { digest: first.digest, name: "test", kernel: first, initramfs, layers: [] }
}

const tried = /^\/dev\/kvm cannot be used, so the processor is emulated: .*nonexistent/s

test("without a device nothing is tried, nor remembered", async () => {
  await using trial = await openTrial()
  const host = { ...trial.options.host, kvm: { kind: "none" } } as const
  const finding = await probeAcceleration({ ...trial.options, host })
  assert.equal(finding.acceleration, "tcg")
  assert.match(finding.why, /no \/dev\/kvm/)
  assert.equal(existsSync(trial.path), false)
})

test("before anything was built there is nothing to try with, and that is not remembered", async () => {
  await using trial = await openTrial({ image: undefined })
  const finding = await probeAcceleration(trial.options)
  assert.deepEqual(finding, { acceleration: "tcg", why: "not probed yet: nothing has been built" })
  assert.equal(await knownAcceleration(trial.options.cacheDirectory, "boot-1"), undefined)
})

test("an attempt that fails means emulation, says why, and is remembered until the host boots again", async () => {
  await using trial = await openTrial()
  const finding = await probeAcceleration(trial.options)
  assert.equal(finding.acceleration, "tcg")
  assert.match(finding.why, tried)
  assert.deepEqual(await readdir(trial.options.cacheDirectory), [RECORD])
  assert.deepEqual(await knownAcceleration(trial.options.cacheDirectory, "boot-1"), finding)
  assert.equal(await knownAcceleration(trial.options.cacheDirectory, "boot-2"), undefined)
  const { why } = JSON.parse(await readFile(trial.path, "utf8"))
  assert.equal(why, finding.why)
})

test("an altered image is nothing to try with, and that is not remembered", async () => {
  await using trial = await openTrial()
  await writeFile(trial.options.image?.kernel.path ?? "", "something else")
  const finding = await probeAcceleration(trial.options)
  assert.equal(finding.acceleration, "tcg")
  assert.match(finding.why, /^not probed: Image "test" was altered on disk/)
  assert.equal(existsSync(trial.path), false)
})

test("a remembered answer is taken without trying", async () => {
  for (const acceleration of ["kvm", "tcg"]) {
    await using trial = await openTrial()
    await trial.remember(acceleration)
    assert.deepEqual(await probeAcceleration(trial.options), { acceleration, why: "remembered" })
  }
})

const CHANGES: Readonly<Record<string, (options: ProbeOptions, folder: string) => ProbeOptions>> = {
  "another QEMU": (options) => ({ ...options, host: { ...options.host, qemuIdentity: "QEMU 2" } }),
  "another kernel": (options, folder) => ({ ...options, image: imageIn(folder, "kernel 2, longer") }),
  "another boot of the host": (options) => ({ ...options, bootId: "boot-2" }),
}
for (const [what, change] of Object.entries(CHANGES)) {
  test(`a remembered answer is for one QEMU, kernel and boot: ${what} is tried`, async () => {
    await using trial = await openTrial()
    await trial.remember("kvm")
    const finding = await probeAcceleration(change(trial.options, trial.folder))
    assert.equal(finding.acceleration, "tcg")
    assert.match(finding.why, tried)
  })
}

for (const text of [
  "",
  "{",
  "null",
  "[]",
  '{"key":"k"}',
  '{"key":"k","acceleration":"warp"}',
  '{"key":"other","acceleration":"kvm"}',
]) {
  test(`a record that is none means trying again: ${text}`, () => {
    assert.equal(parseRecord(text, "k"), undefined)
  })
}

test("a record without a reason is one", () => {
  assert.deepEqual(parseRecord('{"key":"k","acceleration":"kvm"}', "k"), { acceleration: "kvm", why: "" })
})
