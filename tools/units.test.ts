import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { ROOT } from "./source-files.ts"

const UNITS = [
  { path: "share/systemd/skerryd.service", program: "/usr/local/bin/skerry", manager: "--system" },
  { path: "share/systemd/user/skerryd.service", program: "%h/.local/bin/skerry", manager: "--user" },
]

for (const { path, program, manager } of UNITS) {
  const text = readFileSync(join(ROOT, path), "utf8")

  test(`${path} runs the daemon in the foreground, and leaves it the time to end its domains`, () => {
    assert.match(text, new RegExp(`^ExecStart=${program} daemon$`, "m"))
    const limits = readFileSync(join(ROOT, "packages/daemon/src/limits.ts"), "utf8")
    const shutdownMs = Number(/\bshutdownMs: ([\d_]+)/.exec(limits)?.[1]?.replaceAll("_", ""))
    const stopMs = Number(/^TimeoutStopSec=(\d+)$/m.exec(text)?.[1]) * 1000
    assert.ok(stopMs > shutdownMs, `${stopMs} ms are not more than the daemon's own ${shutdownMs} ms`)
    assert.match(text, /^KillMode=mixed$/m, "a signal to all processes would kill domains under the daemon")
  })

  test(`systemd understands ${path}`, (t) => {
    const folder = mkdtempSync(join(tmpdir(), "skerry-unit-"))
    try {
      const copy = join(folder, "skerryd.service")
      // It looks whether the program is there.
      writeFileSync(copy, text.replace(program, "/bin/true"))
      const verified = spawnSync("systemd-analyze", ["verify", "--man=no", manager, copy], {
        env: { PATH: process.env.PATH, XDG_RUNTIME_DIR: folder, HOME: folder },
        encoding: "utf8",
      })
      if (verified.error !== undefined) return t.skip("systemd is not installed")
      assert.deepEqual([verified.stderr, verified.status], ["", 0])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
}
