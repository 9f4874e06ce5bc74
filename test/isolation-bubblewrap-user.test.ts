import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"

const UID = 64_998

/**
 * A user with sub-ids, without touching the host's accounts: a mount namespace in which /etc has other files. Runs
 * `argv` as that user.
 */
function asOrdinaryUser(argv: readonly string[]): {
  readonly status: number | null
  readonly output: string
} {
  const folder = mkdtempSync(join(tmpdir(), "skerry-user-"))
  try {
    const home = join(folder, "home")
    const files = {
      passwd: `${readFileSync("/etc/passwd", "utf8")}skerry-trial:x:${UID}:${UID}::${home}:/bin/sh\n`,
      subuid: "skerry-trial:1800000000:65536\n",
      subgid: "skerry-trial:1800000000:65536\n",
    }
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
    const binds = Object.keys(files).map((name) => `mount --bind ${join(folder, name)} /etc/${name}`)
    const script = [...binds, 'exec setpriv --reuid "$0" --regid "$0" --clear-groups "$@"'].join(" && ")
    const args = ["--mount", "sh", "-c", script, String(UID), ...argv]
    const { status, stdout, stderr } = spawnSync("unshare", args, {
      encoding: "utf8",
      env: { PATH: process.env.PATH },
    })
    return { status, output: stdout + stderr }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test("bubblewrap keeps its promises for an ordinary user too", { skip: process.getuid?.() !== 0 }, () => {
  const suite = join(import.meta.dirname, "isolation-bubblewrap-conformance.test.ts")
  const { status, output } = asOrdinaryUser([process.execPath, "--test-reporter=tap", suite])
  assert.equal(status, 0, output)
  assert.match(output, /^# pass (?!0)\d+$/m)
  assert.match(output, /^# fail 0$/m)
})
