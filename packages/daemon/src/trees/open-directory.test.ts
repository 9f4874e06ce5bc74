import assert from "node:assert/strict"
import { execFileSync, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { DaemonError } from "../errors.ts"
import { openGranted } from "./open-directory.ts"

const canMount = spawnSync("unshare", ["-Urm", "true"]).status === 0

test("a bind mount of Skerry's own folders, or of one above them, is not granted", {
  skip: !canMount && "no namespaces",
}, () => {
  const folder = mkdtempSync(join(tmpdir(), "skerry-open-"))
  try {
    for (const each of ["u/state/store", "other", "at"]) mkdirSync(join(folder, each), { recursive: true })
    const program = `
      import { openGranted } from ${JSON.stringify(new URL("open-directory.ts", import.meta.url).href)}
      const [folder, path] = process.argv.slice(1)
      const paths = { configuration: folder + "/u/config", state: folder + "/u/state", cache: folder + "/u/cache", runtime: folder + "/u/run" }
      try { openGranted(path, { paths, home: folder }); console.log("granted") } catch (error) { console.log(error.message) }`
    const grantOf = (source: string, below: string): string => {
      const script = 'mount --bind "$1/$2" "$1/at" && exec "$4" --input-type=module -e "$5" "$1" "$1/at$3"'
      const args = ["sh", folder, source, below, process.execPath, program]
      return execFileSync("unshare", ["-Urm", "sh", "-c", script, ...args], { encoding: "utf8" })
    }
    for (const [source, below] of [
      ["u/state", ""],
      ["u/state", "/store"],
      ["u", ""],
      ["u", "/state"],
      ["u", "/state/store"],
    ] as const) {
      assert.match(grantOf(source, below), /Skerry's own/, `${source} ${below}`)
    }
    assert.equal(grantOf("other", ""), "granted\n")
  } finally {
    rmSync(folder, { recursive: true })
  }
})

/** Puts a symlink to the secret in the directory's place, and the directory back, again and again. */
const SWAP = `
  const { renameSync, symlinkSync, unlinkSync } = require("node:fs")
  const [folder] = process.argv.slice(1)
  process.stdin.on("end", () => process.exit()).resume()
  const swap = () => {
    for (let times = 0; times < 50; times++) {
      renameSync(folder + "/own", folder + "/aside")
      symlinkSync("secret", folder + "/own")
      unlinkSync(folder + "/own")
      renameSync(folder + "/aside", folder + "/own")
    }
    process.stdout.write(".")
    setImmediate(swap)
  }
  swap()`

for (const what of ["directory", "file"] as const) {
  test(`a ${what} that is replaced by a symlink while it is opened is granted as itself or not at all`, async () => {
    const folder = mkdtempSync(join(tmpdir(), "skerry-open-"))
    for (const name of ["own", "secret"]) {
      mkdirSync(join(folder, name))
      writeFileSync(join(folder, name, "file"), name)
    }
    const { dev, ino } = statSync(join(folder, "own"))
    const paths = { configuration: "/none/c", state: "/none/s", cache: "/none/k", runtime: "/none/r" }
    const path = join(folder, what === "file" ? "own/file" : "own")
    const swapping = spawn(process.execPath, ["-e", SWAP, folder], { stdio: ["pipe", "pipe", "inherit"] })
    try {
      await once(swapping.stdout, "data")
      const counts = { granted: 0, refused: 0 }
      const endMs = performance.now() + 10_000
      while (Math.min(counts.granted, counts.refused) < 50 && performance.now() < endMs) {
        try {
          using opened = openGranted(path, { paths, home: "/none" })
          assert.equal(opened.key, `${dev}:${ino}`)
          counts.granted += 1
        } catch (error) {
          if (!(error instanceof DaemonError)) throw error
          counts.refused += 1
        }
      }
      assert.ok(Math.min(counts.granted, counts.refused) > 0, JSON.stringify(counts))
    } finally {
      swapping.stdin.end()
      await once(swapping, "exit")
      rmSync(folder, { recursive: true })
    }
  })
}
