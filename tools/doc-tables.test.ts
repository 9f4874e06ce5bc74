import assert from "node:assert/strict"
import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { MESSAGES } from "@skerry/files/codec"
import {
  ADMIN,
  call,
  exec,
  FILES,
  identify,
  mountTree,
  ping,
  service,
  setClock,
  shutdown,
  synchroniseTrees,
  unmountTree,
} from "@skerry/rpc"
import { documents } from "./markdown.ts"
import { ROOT } from "./source-files.ts"

/* Tables in documents that list what the code has: each says all of it, and nothing else. */
const proseOf = (path: string) => documents().find((document) => document.path === path)?.prose ?? ""

/** The first cells of rows; `pattern` tells the table's rows from others. */
const rows = (path: string, pattern: RegExp) =>
  new Set([...proseOf(path).matchAll(pattern)].map((found) => found.slice(1).join(" ")))

test("the admin protocol's page has every method, under its id", () => {
  const methods = Object.values(ADMIN).map(({ id, name }) => `${id} ${name}`)
  assert.deepEqual(rows("docs/protocol/admin.md", /^\| (\d+) \| (\w+) \|/gm), new Set(methods))
})

test("the control channel's page has every method, under its id", () => {
  const methods = [
    ping,
    identify,
    setClock,
    exec,
    shutdown,
    service,
    mountTree,
    unmountTree,
    synchroniseTrees,
  ].map(({ id, name }) => `${id} ${name}`)
  assert.deepEqual(rows("docs/protocol/control-channel.md", /^\| (\d+) \| (\w+) \|/gm), new Set(methods))
})

test("the page on calls has both methods, under their ids", () => {
  const methods = [call, service].map(({ id, name }) => `${id} ${name}`)
  assert.deepEqual(rows("docs/protocol/calls.md", /^\| (\d+) \| (\w+) \|/gm), new Set(methods))
})

test("the file server's page has every message, under its type", () => {
  const messages = Object.entries(MESSAGES).map(([name, { type }]) => `${type} ${name}`)
  const { serve, serveAgain, drop, status, end } = FILES
  const methods = [serve, serveAgain, drop, status, end].map(({ id, name }) => `${id} ${name}`)
  const found = rows("docs/protocol/files.md", /^\| (\d+) \| (\w+) \|/gm)
  assert.deepEqual(found, new Set([...messages, ...methods]))
})

test("the admin protocol's page has every code of a failure", () => {
  const source = readFileSync(join(ROOT, "packages/rpc/src/admin-protocol.ts"), "utf8")
  const union = /export type AdminErrorCode =\n((?: {2}\| "[a-z-]+".*\n)+)/.exec(source)?.[1] ?? ""
  const codes = [...union.matchAll(/"([a-z-]+)"/g)].map(([, code = ""]) => code)
  assert.ok(codes.includes("not-built"))
  assert.deepEqual(rows("docs/protocol/admin.md", /^\| ([a-z-]+) \| .* \| 12\d \|$/gm), new Set(codes))
})

test("the commands' page has every command", () => {
  const registry = readFileSync(join(ROOT, "packages/cli/src/registry.ts"), "utf8")
  const names = [...registry.matchAll(/^ {2}\{ name: "([a-z-]+)", (hidden)?/gm)]
    .filter(([, , hidden]) => hidden === undefined)
    .map(([, name = ""]) => name)
  assert.ok(names.includes("run"))
  assert.deepEqual(rows("docs/cli.md", /^\| `skerry ([a-z-]+)[^|]*` \|/gm), new Set(names))
})

test("decisions are numbered one after the other, and say context, choice and price", () => {
  const files = globSync("docs/decisions/*.md", { cwd: ROOT }).sort()
  const numbers = files.map((path) => Number(/(\d{4})-[a-z0-9-]+\.md$/.exec(path)?.[1]))
  assert.deepEqual(
    numbers,
    files.map((_, index) => index + 1),
  )
  for (const path of files) {
    const text = readFileSync(join(ROOT, path), "utf8")
    for (const part of ["Context", "Choice", "Price"])
      assert.ok(text.includes(`**${part}.**`), `${path}: ${part}`)
  }
})
