import assert from "node:assert/strict"
import { execFileSync, spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"

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
