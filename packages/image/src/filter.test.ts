import assert from "node:assert/strict"
import { test } from "node:test"
import { aliasesOf, type FilterRules, filterTree, ownersOf, type TreeEntry } from "./filter.ts"

const directory = (path: string): TreeEntry => ({ path, kind: "directory", mode: 0o755 })
const file = (path: string, mode = 0o644): TreeEntry => ({ path, kind: "file", mode })
const link = (path: string, target: string): TreeEntry => ({ path, kind: "symlink", mode: 0o777, target })

function rules(owned: Readonly<Record<string, string>>, other: Partial<FilterRules> = {}): FilterRules {
  return {
    owners: new Map(Object.entries(owned).map(([path, owner]) => [path, [owner]])),
    keep: new Set(["kept"]),
    documentation: false,
    locales: [],
    ...other,
  }
}

const paths = (entries: readonly TreeEntry[], given: FilterRules) =>
  filterTree(entries, given).map((entry) => entry.path)

test("files of packages that are not kept go, with their directories", () => {
  const entries = [
    directory("usr"),
    directory("usr/bin"),
    file("usr/bin/a"),
    file("usr/bin/dpkg"),
    directory("usr/lib"),
    directory("usr/lib/dpkg"),
    file("usr/lib/dpkg/x"),
  ]
  const owned = {
    usr: "kept",
    "usr/bin": "kept",
    "usr/bin/a": "kept",
    "usr/bin/dpkg": "dpkg",
    "usr/lib/dpkg": "dpkg",
    "usr/lib/dpkg/x": "dpkg",
  }
  assert.deepEqual(paths(entries, rules(owned)), ["usr", "usr/bin", "usr/bin/a"])
})

test("setuid and setgid bits are taken off, the sticky bit is not", () => {
  const entries = [file("usr/bin/su", 0o4755), file("usr/bin/wall", 0o2755), file("usr/x", 0o1755)]
  assert.deepEqual(
    filterTree(entries, rules({})).map((entry) => entry.mode),
    [0o755, 0o755, 0o1755],
  )
})

test("device nodes, the host's resolv.conf and the package database never stay", () => {
  const entries = [
    { path: "dev/null", kind: "other", mode: 0o666 } as const,
    { path: "usr/pipe", kind: "other", mode: 0o666 } as const,
    file("etc/resolv.conf"),
    file("var/lib/dpkg/status"),
    file("etc/shadow"),
  ]
  assert.deepEqual(paths(entries, rules({})), [])
})

test("documentation and locales stay only where they were asked for", () => {
  const entries = [
    file("usr/share/doc/a/copyright"),
    file("usr/share/man/man1/a.1.gz"),
    file("usr/share/locale/de/a.mo"),
    file("usr/share/locale/de_AT/a.mo"),
    file("usr/share/locale/den/a.mo"),
  ]
  assert.deepEqual(paths(entries, rules({})), [])
  assert.deepEqual(
    paths(entries, rules({}, { documentation: true, locales: ["de"] })),
    entries.slice(0, 4).map((entry) => entry.path),
  )
})

test("an alternative that leads to a dropped file goes, whatever the length of the chain", () => {
  const entries = [
    link("bin", "usr/bin"),
    link("etc/alternatives/pager", "/bin/more"),
    link("etc/alternatives/awk", "/usr/bin/mawk"),
    file("usr/bin/mawk"),
    file("usr/bin/more"),
    link("usr/bin/awk", "/etc/alternatives/awk"),
    link("usr/bin/pager", "/etc/alternatives/pager"),
  ]
  const kept = paths(entries, rules({ "usr/bin/mawk": "kept", "usr/bin/more": "util-linux" }))
  assert.deepEqual(kept, ["bin", "etc/alternatives/awk", "usr/bin/mawk", "usr/bin/awk"])
})

test("package lists name files by the way that a merged /usr has them", () => {
  const aliases = aliasesOf([link("bin", "usr/bin"), link("lib64", "usr/lib64")])
  const owners = ownersOf(
    [
      ["bash.list", "/.\n/bin\n/bin/bash\n"],
      ["libc6:amd64.list", "/lib64/ld.so\n"],
    ],
    aliases,
  )
  assert.deepEqual(
    [...owners],
    [
      ["bin", ["bash"]],
      ["usr/bin/bash", ["bash"]],
      ["usr/lib64/ld.so", ["libc6"]],
    ],
  )
})
