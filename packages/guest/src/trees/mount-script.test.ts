import assert from "node:assert/strict"
import { spawnSync } from "node:child_process"
import { existsSync, lstatSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { MOUNT, MOUNT_STATUS } from "./mount-script.ts"

const busybox = ["/usr/bin/busybox", "/bin/busybox"].find((path) => existsSync(path))
const skip = busybox === undefined && "busybox is not installed"

/** In a folder of the test's; its own user is the owner, and nothing is there to be mounted. */
function mount(at: string, hidden: string, only: string): number | null {
  const script = MOUNT.replace("/usr/lib/skerry/busybox", busybox ?? "")
  const owner = `${process.getuid?.()}:${process.getgid?.()}`
  const args = ["sh", "-c", script, "skerry", at, "trans=fd,rfdno=0,wfdno=0", owner, hidden, only]
  return spawnSync(busybox ?? "", args, { stdio: "ignore" }).status
}

test("a file is put where nothing is, and nowhere else by way of a symlink", { skip }, () => {
  const folder = mkdtempSync(join(tmpdir(), "skerry-mount-"))
  try {
    const [outside, hidden] = [join(folder, "outside"), join(folder, "hidden/tree.1")]
    mkdirSync(join(folder, "home"))
    symlinkSync(outside, join(folder, "home/report.pdf"))
    assert.equal(mount(join(folder, "home/report.pdf"), hidden, "report.pdf"), MOUNT_STATUS.badPlace)
    assert.equal(existsSync(outside), false)
    assert.equal(mount(join(folder, "home/new/letter.pdf"), hidden, "letter.pdf"), MOUNT_STATUS.notMounted)
    assert.ok(lstatSync(join(folder, "home/new/letter.pdf")).isFile())
  } finally {
    rmSync(folder, { recursive: true })
  }
})
