import assert from "node:assert/strict"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { pathToFileURL } from "node:url"
import { runCommandLine } from "../testing.ts"

const programUrl = pathToFileURL(join(import.meta.dirname, "../main.ts")).href

test("rows without domains are measured beside the yardstick, and written as JSON", async () => {
  const cwd = mkdtempSync(join(tmpdir(), "skerry-bench-test-"))
  try {
    const { status, stdout, stderr } = await runCommandLine(
      ["bench", "--rows", "version,node", "--runs", "2", "--json", "figures.json"],
      { environment: { PATH: process.env.PATH }, programUrl, cwd },
    )
    assert.equal(status, 0, stderr)
    assert.match(
      stdout,
      /^version +skerry version +2 +\d+ ms +\d+ ms–\d+ ms +[\d.]+ × node +1\.3 × node +(?:yes|NO)$/m,
    )
    assert.match(stderr, /Measuring: node, version, /)
    const { rows, runs } = JSON.parse(readFileSync(join(cwd, "figures.json"), "utf8"))
    assert.equal(runs, 2)
    assert.deepEqual(
      rows.map(({ name, samples }: { name: string; samples: { values: number[]; yardstick: number[] } }) => [
        name,
        samples.values.length,
        samples.yardstick.length,
      ]),
      [
        ["node", 2, 0],
        ["version", 2, 2],
      ],
    )
  } finally {
    rmSync(cwd, { recursive: true })
  }
})

test("what is not on the machine is named, and no fault", async () => {
  const { status, stdout } = await runCommandLine(
    ["bench", "--rows", "bwrap,firejail", "--runs", "1", "--strict"],
    {
      environment: { PATH: "/nonexistent" },
    },
  )
  assert.equal(status, 0)
  assert.match(stdout, /^bwrap: not measured, it is not installed: apt-get install bubblewrap$/m)
  assert.match(stdout, /^firejail: not measured, /m)
})

test("a row that cannot be measured to its end is told, and the others go on", async () => {
  const { status, stdout } = await runCommandLine(["bench", "--rows", "node,version", "--runs", "1"], {
    environment: { PATH: process.env.PATH },
    programUrl: "file:///nonexistent/skerry",
  })
  assert.equal(status, 1)
  assert.match(stdout, /^version: FAILED: .*\/nonexistent\/skerry/m)
  assert.match(stdout, /^node +node -e 0 +1 +\d+ ms$/m)
})

test("words that make no sense are refused before anything is measured", async () => {
  for (const [words, message] of [
    [["--rows", "versoin"], /There is no row "versoin": did you mean version\?/],
    [["--rows", "xyzzy"], /There is no row "xyzzy": choose of node, version, run/],
    [["--runs", "0"], /Cannot measure "0" times: --runs takes a number from 1 to 1000/],
    [["--runs", "1001"], /Cannot measure "1001" times/],
    [["--runs", "ten"], /Cannot measure "ten" times/],
  ] as const) {
    const { status, stdout, stderr } = await runCommandLine(["bench", ...words])
    assert.deepEqual([status, stdout], [2, ""])
    assert.match(stderr, message)
  }
})
