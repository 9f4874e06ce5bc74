import assert from "node:assert/strict"
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import type { DomainAccount } from "../../accounts.ts"
import { launchCommand, probeCommand } from "./command-line.ts"

const GOLDEN = join(import.meta.dirname, "../../../../../testdata/isolation")
const ACCOUNTS: Readonly<Record<string, DomainAccount>> = {
  root: { kind: "reserved", uid: 1_900_000_001, gid: 1_900_000_002 },
  user: { kind: "sub-uid", uid: 100_001, gid: 200_001 },
}

/** One argument a line; a line end inside an argument is shown as ⏎. */
function assertGolden(name: string, argv: readonly string[]): void {
  const path = join(GOLDEN, name)
  const text = `${argv.map((argument) => argument.replaceAll("\n", "⏎")).join("\n")}\n`
  if (process.argv.includes("--update")) writeFileSync(path, text)
  assert.equal(text, readFileSync(path, "utf8"))
}

for (const [who, account] of Object.entries(ACCOUNTS)) {
  test(`the command line of a domain started by ${who}`, () => {
    const launch = {
      bwrapPath: "/usr/bin/bwrap",
      account,
      trees: ["aa11", "bb22", "mountpoints"],
      hostName: "mail-x7k2q9",
      memoryBytes: 268_435_456,
      processes: 256,
    }
    assertGolden(`bubblewrap-launch-${who}.txt`, launchCommand(launch))
  })

  test(`the command line of a trial by ${who}`, () => {
    assertGolden(`bubblewrap-probe-${who}.txt`, probeCommand("/usr/bin/bwrap", account, ["a", "b"]))
  })
}
