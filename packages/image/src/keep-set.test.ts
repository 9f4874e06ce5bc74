import assert from "node:assert/strict"
import { test } from "node:test"
import { keepSet, parseStatus } from "./keep-set.ts"

const STATUS = `Package: poppler-utils
Status: install ok installed
Architecture: amd64
Version: 22.12.0-2
Depends: libpoppler126 (= 22.12.0-2), libc6 (>= 2.34),
 fonts | other-fonts:any

Package: libpoppler126
Architecture: amd64
Version: 22.12.0-2
Depends: debconf (>= 0.5) | debconf-2.0, libc6

Package: dejavu
Architecture: all
Version: 1
Provides: fonts (= 1)

Package: libc6
Architecture: amd64
Version: 2.36

Package: bash
Architecture: amd64
Version: 5.2
Pre-Depends: dpkg (>= 1.19)

Package: dpkg
Architecture: amd64
Version: 1.21

Package: debconf
Architecture: all
Version: 1.5
Depends: perl-base

Package: perl-base
Architecture: amd64
Version: 5.36

Package: perl
Architecture: amd64
Version: 5.36
Depends: perl-base (= 5.36)
`

test("what was asked for stays, with all that it needs, virtual packages included", () => {
  const kept = keepSet(parseStatus(STATUS), ["poppler-utils"])
  assert.deepEqual(kept, new Set(["bash", "dejavu", "libc6", "libpoppler126", "poppler-utils"]))
})

test("an installer that is asked for stays, and so does Perl where something runs on it", () => {
  assert.ok(keepSet(parseStatus(STATUS), ["dpkg"]).has("dpkg"))
  assert.ok(keepSet(parseStatus(STATUS), ["perl"]).has("perl-base"))
})

test("a status stanza keeps its version and joins folded lines", () => {
  const [first] = parseStatus(STATUS)
  assert.deepEqual(first, {
    name: "poppler-utils",
    version: "22.12.0-2",
    architecture: "amd64",
    depends: ["libpoppler126", "libc6", "fonts", "other-fonts"],
    provides: [],
  })
})
