import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises"
import { createServer, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** A tiny signed Debian archive on loopback, with one package, `tiny`. */
export interface TestArchive extends AsyncDisposable {
  readonly address: string
  /** The public key that signed it. */
  readonly keyring: string
  /** A key that signed nothing. */
  readonly otherKeyring: string
  /** From now on the package's file is answered so; undefined: as it is. */
  readonly alterPackage: (alter: ((bytes: Buffer) => Buffer) | undefined) => void
}

export async function serveArchive(): Promise<TestArchive> {
  const folder = await mkdtemp(join(tmpdir(), "skerry-archive-"))
  const keys = join(folder, "keys")
  await mkdir(keys, { mode: 0o700 })
  const gpg = (...args: readonly string[]) =>
    execFileSync(
      "gpg",
      ["--homedir", keys, "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "", ...args],
      {
        stdio: ["ignore", "pipe", "ignore"],
      },
    )
  const makeKey = async (name: string) => {
    gpg("--quick-generate-key", `${name} <${name}@example.invalid>`, "ed25519", "sign", "never")
    const path = join(folder, `${name}.gpg`)
    await writeFile(path, gpg("--export", name))
    return path
  }
  const keyring = await makeKey("archive")
  const otherKeyring = await makeKey("other")

  await makePackage(folder)
  await makeIndexes(folder)
  gpg(
    "--local-user",
    "archive",
    "--clearsign",
    "--output",
    join(folder, "InRelease"),
    join(folder, "Release"),
  )
  execFileSync("gpgconf", ["--homedir", keys, "--kill", "gpg-agent"])

  let alter: ((bytes: Buffer) => Buffer) | undefined
  const files: Readonly<Record<string, string>> = {
    "/dists/bookworm/InRelease": "InRelease",
    "/dists/bookworm/main/binary-amd64/Packages": "Packages",
    "/pool/tiny_1.0_all.deb": "tiny.deb",
  }
  const answer = async (url: string, response: ServerResponse) => {
    const file = files[url]
    if (file === undefined) {
      response.writeHead(404).end()
      return
    }
    const bytes = await readFile(join(folder, file))
    response.end(file === "tiny.deb" && alter !== undefined ? alter(bytes) : bytes)
  }
  const server = createServer((request, response) => void answer(request.url ?? "", response))
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    keyring,
    otherKeyring,
    alterPackage: (next) => {
      alter = next
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function makePackage(folder: string): Promise<void> {
  const root = join(folder, "tiny")
  await mkdir(join(root, "DEBIAN"), { recursive: true, mode: 0o755 })
  await mkdir(join(root, "usr/share/tiny"), { recursive: true })
  await writeFile(join(root, "usr/share/tiny/file"), "tiny\n".repeat(1000))
  await writeFile(
    join(root, "DEBIAN/control"),
    "Package: tiny\nVersion: 1.0\nArchitecture: all\nMaintainer: Nobody <nobody@example.invalid>\nDescription: Nothing much\n",
  )
  execFileSync("dpkg-deb", ["--build", "--root-owner-group", "-Znone", root, join(folder, "tiny.deb")], {
    stdio: "ignore",
  })
}

async function makeIndexes(folder: string): Promise<void> {
  const sha256 = async (file: string) =>
    createHash("sha256")
      .update(await readFile(join(folder, file)))
      .digest("hex")
  const size = async (file: string) => (await stat(join(folder, file))).size
  const fields = execFileSync("dpkg-deb", ["-f", join(folder, "tiny.deb")])
    .toString()
    .trimEnd()
  await writeFile(
    join(folder, "Packages"),
    `${fields}\nFilename: pool/tiny_1.0_all.deb\nSize: ${await size("tiny.deb")}\nSHA256: ${await sha256("tiny.deb")}\n`,
  )
  await writeFile(
    join(folder, "Release"),
    [
      "Origin: Test",
      "Label: Test",
      "Suite: bookworm",
      "Codename: bookworm",
      `Date: ${new Date().toUTCString()}`,
      "Architectures: amd64 all",
      "Components: main",
      "SHA256:",
      ` ${await sha256("Packages")} ${await size("Packages")} main/binary-amd64/Packages`,
      "",
    ].join("\n"),
  )
}
