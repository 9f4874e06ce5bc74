import assert from "node:assert/strict"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { type FilesServer, filesServerCommand, runtimeLibraries } from "./sandbox.ts"

const GOLDEN = join(import.meta.dirname, "../../../../testdata/files")

/** One argument a line. */
function assertGolden(name: string, argv: readonly string[]): void {
  const path = join(GOLDEN, name)
  const text = `${argv.join("\n")}\n`
  if (process.argv.includes("--update")) writeFileSync(path, text)
  assert.equal(text, readFileSync(path, "utf8"))
}

const SERVER: Omit<FilesServer, "serves"> = {
  bwrapPath: "/usr/bin/bwrap",
  nodePath: "/opt/skerry/node",
  libraries: [{ file: "/usr/lib/x86_64-linux-gnu/libc.so.6", at: "/lib/libc.so.6" }],
  program: {
    kind: "bundle",
    entry: "/opt/skerry/files.cjs",
    natives: [
      { file: "/opt/skerry/modules/koffi.node", at: "koffi.node" },
      { file: "/opt/skerry/modules/node.napi.glibc.node", at: "lmdb.node" },
    ],
  },
  account: undefined,
}

test("the command line of a server of a directory that is only read", () => {
  const serves = { kind: "directory", path: "/home/anna/Documents", access: "read" } as const
  assertGolden("sandbox-directory-read.txt", filesServerCommand({ ...SERVER, serves }))
})

test("the command line of a server of a directory by another account", () => {
  const serves = { kind: "directory", path: "/srv/shared", access: "write" } as const
  const account = { uid: 1234, gid: 5678 }
  assertGolden("sandbox-directory-account.txt", filesServerCommand({ ...SERVER, account, serves }))
})

test("the command line of the store's server", () => {
  const serves = { kind: "store", path: "/var/lib/skerry/store" } as const
  assertGolden("sandbox-store.txt", filesServerCommand({ ...SERVER, serves }))
})

test("libraries are those that a process has mapped, under the names that the loader looks for", () => {
  const maps = [
    "55d0 r-xp 00000000 fe:00 12 /usr/bin/node",
    "7f01 r--p 00000000 fe:00 13                         /usr/lib/x86_64-linux-gnu/libstdc++.so.6.0.30",
    "7f02 r-xp 00001000 fe:00 13                         /usr/lib/x86_64-linux-gnu/libstdc++.so.6.0.30",
    "7f03 r--p 00000000 fe:00 14                         /usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
    "7f04 rw-p 00000000 00:00 0 ",
    "7f05 r--p 00000000 fe:00 15                         /home/a b/koffi.node",
    "7f06 rw-p 00000000 00:00 0                          [heap]",
  ].join("\n")
  assert.deepEqual(runtimeLibraries(maps, "/lib64/ld-linux-x86-64.so.2"), [
    { file: "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", at: "/lib64/ld-linux-x86-64.so.2" },
    { file: "/usr/lib/x86_64-linux-gnu/libstdc++.so.6.0.30", at: "/lib/libstdc++.so.6" },
  ])
})
