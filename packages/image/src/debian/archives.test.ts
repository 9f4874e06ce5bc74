import assert from "node:assert/strict"
import { test } from "node:test"
import { ImageError } from "../errors.ts"
import { archivesOf, parseHostIndexes, sourcesFile } from "./archives.ts"
import { parsePrintedUris } from "./print-uris.ts"

const HOST = parseHostIndexes(
  [
    "Packages|http://mirror.example/debian/|bookworm|Debian",
    "Translations|http://mirror.example/debian/|bookworm|Debian",
    "Packages|http://mirror.example/debian/|bookworm-updates|Debian",
    "Packages|http://security.example/debian-security/|bookworm-security|Debian-Security",
    "Packages|http://other.example/|nodistro|Other",
    "",
  ].join("\n"),
)
const request = (suite: string, mirror = "host") =>
  ({ kind: "debian", suite, mirror, components: ["main"], packages: [] }) as const

const found = (suite: string, mirror?: string) =>
  archivesOf(request(suite, mirror), HOST).map((archive) => `${archive.address} ${archive.suite}`)

test("the host's mirrors are used, its updates and security fixes included", () => {
  assert.deepEqual(found("bookworm"), [
    "http://mirror.example/debian/ bookworm",
    "http://mirror.example/debian/ bookworm-updates",
    "http://security.example/debian-security/ bookworm-security",
  ])
})

test("a suite that the host does not use comes from the host's Debian mirrors", () => {
  assert.deepEqual(found("trixie"), [
    "http://mirror.example/debian/ trixie",
    "http://mirror.example/debian/ trixie-updates",
    "http://security.example/debian-security/ trixie-security",
  ])
})

test("a mirror's URL means that suite there and nothing else", () => {
  assert.deepEqual(found("bookworm", "http://127.0.0.1:1"), ["http://127.0.0.1:1/ bookworm"])
})

test("a host without any Debian mirror is an error that says what to do", () => {
  assert.throws(
    () => archivesOf(request("bookworm"), []),
    (error) => error instanceof ImageError && error.code === "no-mirror" && /mirror/.test(error.message),
  )
})

test("apt is told to trust one keyring only", () => {
  assert.equal(
    sourcesFile(archivesOf(request("bookworm", "http://127.0.0.1:1"), []), "/keys.gpg"),
    "Types: deb\nURIs: http://127.0.0.1:1/\nSuites: bookworm\nComponents: main\nSigned-By: /keys.gpg\n",
  )
})

test("a printed package keeps its epoch, its archive and its path as the mirror spells it", () => {
  const sha256 = "d".repeat(64)
  const text = `'http://security.example/debian-security/pool/updates/main/a_2%2bb1_amd64.deb' libattr1_1%3a2.5+b1_amd64.deb 22164 SHA256:${sha256}\n`
  assert.deepEqual(parsePrintedUris(text, archivesOf(request("bookworm"), HOST)), [
    {
      name: "libattr1",
      version: "1:2.5+b1",
      architecture: "amd64",
      sha256,
      size: 22164,
      archive: "bookworm-security",
      file: "pool/updates/main/a_2%2bb1_amd64.deb",
    },
  ])
})

test("a package from an unknown address, or without SHA-256, is refused", () => {
  const archives = archivesOf(request("bookworm"), HOST)
  for (const line of [
    `'http://evil.example/a.deb' a_1_amd64.deb 1 SHA256:${"d".repeat(64)}`,
    "'http://mirror.example/debian/a.deb' a_1_amd64.deb 1 MD5Sum:00",
  ]) {
    assert.throws(() => parsePrintedUris(line, archives), ImageError)
  }
})
