import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import { mkdir, readdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { after, before, test } from "node:test"
import { buildSystem, ImageError, type ImageErrorCode, openDebianSource } from "@skerry/image"
import { openLinux } from "@skerry/linux"
import { serveArchive, type TestArchive } from "./support/archive.ts"
import { buildOptions, type TestHome, testHome } from "./support/image-build.ts"
import { debianApplication, systemOf } from "./support/sample-system.ts"

let archive: TestArchive
const signal = new AbortController().signal

before(async () => {
  archive = await serveArchive()
})
after(async () => {
  await archive[Symbol.asyncDispose]()
})

const request = (packages: readonly string[], mirror = archive.address) => ({
  kind: "debian" as const,
  suite: "bookworm",
  mirror,
  components: ["main"],
  packages,
})

const open = (home: TestHome, keyring = archive.keyring) =>
  openDebianSource({ directory: join(home.folder, "apt"), keyring })

async function fails(work: Promise<unknown>, code: ImageErrorCode, words: RegExp): Promise<void> {
  await assert.rejects(work, (error) => {
    assert.ok(error instanceof ImageError, String(error))
    assert.match(error.message, words)
    assert.doesNotMatch(error.message, /\n/)
    assert.equal(error.code, code)
    return true
  })
}

test("a package is resolved, fetched and verified from a signed archive", async () => {
  await using home = await testHome()
  const source = open(home)
  const packages = await source.resolve(request(["tiny"]), "base", signal)
  assert.deepEqual(
    packages.map(({ name, version, archive: suite, file }) => [name, version, suite, file]),
    [["tiny", "1.0", "bookworm", "pool/tiny_1.0_all.deb"]],
  )
  const directory = join(home.folder, "packages")
  let bytes = 0
  const onBytes = (done: number) => {
    bytes = done
  }
  await source.fetch(request(["tiny"]), packages, { directory, onBytes, signal })
  assert.deepEqual(await readdir(directory), [`${packages[0]?.sha256}.deb`])
  assert.equal(bytes, packages[0]?.size)
})

test("a package that does not exist is named, with a near match", async () => {
  await using home = await testHome()
  await fails(
    open(home).resolve(request(["tiny", "tinny"]), "base", signal),
    "unknown-package",
    /"tinny".*did you mean "tiny"/,
  )
  await fails(open(home).resolve(request(["-o=x"]), "base", signal), "unknown-package", /"-o=x"/)
})

test("a mirror that does not answer is named", async () => {
  await using home = await testHome()
  const nobody = "http://127.0.0.1:9/"
  await fails(
    open(home).resolve(request(["tiny"], nobody), "base", signal),
    "unreachable",
    /127\.0\.0\.1:9.*network/,
  )
})

test("an index that another key signed is not trusted", async () => {
  await using home = await testHome()
  await fails(
    open(home, archive.otherKeyring).resolve(request(["tiny"]), "base", signal),
    "bad-signature",
    /not signed by a key of/,
  )
})

for (const [what, alter, code, words] of [
  ["cut short", (bytes: Buffer) => bytes.subarray(0, 1000), "truncated", /tiny 1\.0.*only 1000 of/],
  [
    "altered",
    (bytes: Buffer) => Buffer.concat([bytes.subarray(0, -1), Buffer.from([1 ^ (bytes.at(-1) ?? 0)])]),
    "wrong-digest",
    /tiny 1\.0.*expected SHA-256 [0-9a-f]{64}, found [0-9a-f]{64}/,
  ],
] as const) {
  test(`a package that arrives ${what} is refused, and not kept`, async () => {
    await using home = await testHome()
    const source = open(home)
    const packages = await source.resolve(request(["tiny"]), "base", signal)
    const directory = join(home.folder, "packages")
    archive.alterPackage(alter)
    try {
      await fails(
        source.fetch(request(["tiny"]), packages, { directory, onBytes: () => {}, signal }),
        code,
        words,
      )
      assert.deepEqual(
        (await readdir(directory)).filter((name) => name.endsWith(".deb")),
        [],
      )
    } finally {
      archive.alterPackage(undefined)
    }
    await source.fetch(request(["tiny"]), packages, { directory, onBytes: () => {}, signal })
  })
}

test("a package that the mirror no longer has says to update", async () => {
  await using home = await testHome()
  const source = open(home)
  const [tiny] = await source.resolve(request(["tiny"]), "base", signal)
  assert.ok(tiny)
  const gone = { ...tiny, file: "pool/tiny_0.9_all.deb", version: "0.9" }
  const options = { directory: join(home.folder, "packages"), onBytes: () => {}, signal }
  await fails(source.fetch(request(["tiny"]), [gone], options), "unreachable", /tiny 0\.9.*--update/)
})

const system = () => systemOf({ scratch: debianApplication([]) })

test("a disk without room for the build is said before anything is written", async () => {
  await using home = await testHome()
  const options = await buildOptions(home.paths, system(), {
    freeBytes: async () => 5_000_000,
    source: {
      resolve: async () => [
        {
          name: "linux-image-6.1.0-1-amd64",
          version: "1",
          architecture: "amd64",
          sha256: "0".repeat(64),
          size: 70_000_000,
          archive: "bookworm",
          file: "pool/x.deb",
        },
      ],
      fetch: async () => assert.fail("nothing may be fetched"),
    },
  })
  await fails(buildSystem(options), "disk-full", /has 5 MB free.*needs about [0-9]+ MB/)
})

test("a disk that fills up during a download leaves no half package", async (context) => {
  if (process.getuid?.() !== 0) return context.skip("needs root to mount a small disk")
  await using home = await testHome()
  const small = join(home.folder, "small")
  await mkdir(small)
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=16k", "tmpfs", small])
  try {
    const source = open(home)
    const packages = await source.resolve(request(["tiny"]), "base", signal)
    await writeFile(join(small, "filler"), Buffer.alloc(12_288))
    await fails(
      source.fetch(request(["tiny"]), packages, { directory: small, onBytes: () => {}, signal }),
      "disk-full",
      /disk of .*small is full/,
    )
    assert.deepEqual(
      (await readdir(small)).filter((name) => name.endsWith(".deb")),
      [],
    )
  } finally {
    execFileSync("umount", [small])
  }
})

test("a cache that cannot be written is named", async (context) => {
  if (process.getuid?.() !== 0) return context.skip("needs root to mount a read-only disk")
  await using home = await testHome()
  await mkdir(home.paths.cache)
  execFileSync("mount", ["-t", "tmpfs", "-o", "ro", "tmpfs", home.paths.cache])
  try {
    await fails(
      buildSystem(await buildOptions(home.paths, system())),
      "unwritable",
      /cache cannot be written/,
    )
  } finally {
    execFileSync("umount", [home.paths.cache])
  }
})

test("while one build is at work another says so", async () => {
  await using home = await testHome()
  await mkdir(home.paths.cache)
  const resolving = Promise.withResolvers<void>()
  const go = Promise.withResolvers<never>()
  const stuck = {
    resolve: () => {
      resolving.resolve()
      return go.promise
    },
    fetch: async () => {},
  }
  const first = buildSystem(await buildOptions(home.paths, system(), { source: stuck, linux: openLinux() }))
  const ended = assert.rejects(first, /stopped/)
  await resolving.promise
  const second = buildSystem(await buildOptions(home.paths, system(), { linux: openLinux() }))
  await fails(second, "busy", new RegExp(`process ${process.pid}`))
  go.reject(new Error("stopped"))
  await ended
})
