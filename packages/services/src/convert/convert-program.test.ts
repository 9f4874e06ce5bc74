import assert from "node:assert/strict"
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { after, test } from "node:test"
import type { Program } from "../program.ts"
import { runProgram, serviceTable, textOf } from "../testing.ts"
import { convertProgram } from "./convert-program.ts"

const folder = mkdtempSync(join(tmpdir(), "skerry-convert-program-"))
after(() => rmSync(folder, { recursive: true }))

const renderer: Program = async ({ stdin, stdout, stderr }) => {
  if ((await textOf(stdin)) === "bad") {
    stderr.write("it is broken\n")
    return 1
  }
  stdout.write(Buffer.concat([Buffer.from("1\n1 1\n"), new Uint8Array(3)]))
  return 0
}

async function convert(...argv: string[]) {
  const { openCall, calls } = serviceTable({ "skerry.Convert": () => runProgram(renderer) })
  const run = runProgram(convertProgram, { argv, cwd: folder, openCall })
  const [errors, status] = await Promise.all([textOf(run.stderr), run.status])
  return { errors, status, calls }
}

test("in a domain each document is rendered in a disposable of its own, and lies beside its original", async () => {
  writeFileSync(join(folder, "a.pdf"), "a")
  writeFileSync(join(folder, "b.pdf"), "bad")
  const { errors, status, calls } = await convert("--dpi", "99", "a.pdf", "b.pdf")
  assert.equal(status, 1)
  assert.match(errors, /a\.trusted\.pdf\nskerry-convert: b\.pdf: It could not be rendered: it is broken\n$/)
  assert.deepEqual(
    calls.map(({ target, service, argument }) => `${target} ${service}+${argument}`),
    ["@dispvm skerry.Convert+99", "@dispvm skerry.Convert+99"],
  )
  assert.deepEqual(readdirSync(folder).sort(), ["a.pdf", "a.trusted.pdf", "b.pdf"])
})

test("a command line that makes no sense calls nobody", async () => {
  for (const argv of [[], ["--dpi"], ["--dpi", "0", "a.pdf"], ["--page", "a.pdf"]]) {
    const { errors, status, calls } = await convert(...argv)
    assert.equal(status, 1)
    assert.notEqual(errors, "")
    assert.deepEqual(calls, [])
  }
})
