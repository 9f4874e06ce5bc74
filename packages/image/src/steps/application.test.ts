import assert from "node:assert/strict"
import { test } from "node:test"
import { mkfsArguments, paddedSize } from "../erofs.ts"
import { installCommand } from "./application.ts"

test("root installs without a network; anyone else in a user namespace, with the same words", () => {
  const asRoot = installCommand(["poppler-utils", "qpdf"], "/work/packages", "/work/root.tar", 0)
  assert.equal(asRoot.tool, "unshare")
  assert.deepEqual(asRoot.args, [
    "--net",
    "--",
    "mmdebstrap",
    "--mode=root",
    "--variant=essential",
    "--architectures=amd64",
    "--format=tar",
    "--quiet",
    '--aptopt=APT::Install-Recommends "false"',
    "--include=poppler-utils,qpdf",
    "",
    "/work/root.tar",
    "deb [trusted=yes] copy:/work/packages ./",
  ])
  const asUser = installCommand([], "/work/packages", "/work/root.tar", 1000)
  assert.equal(asUser.tool, "mmdebstrap")
  assert.equal(asUser.args[0], "--mode=unshare")
  assert.ok(!asUser.args.some((word) => word.startsWith("--include")))
})

test("layers are packed for DAX: nothing inline, whole 2 MiB pages", () => {
  assert.ok(mkfsArguments("a.erofs", "root").includes("noinline_data,force-inode-extended"))
  assert.equal(paddedSize(1), 2 * 1024 * 1024)
  assert.equal(paddedSize(4 * 1024 * 1024), 4 * 1024 * 1024)
})
