import assert from "node:assert/strict"
import { test } from "node:test"
import { parseProgramArguments } from "./arguments.ts"

const parse = (line: string) => parseProgramArguments(line.split(" "))

test("a server is told what it serves, and by which descriptors", () => {
  assert.deepEqual(
    parse("directory --path /served --access read --handle 6 --control 3 --clients 4 --koffi /k"),
    {
      serves: { kind: "directory", path: "/served", access: "read", handle: 6 },
      control: { kind: "descriptors", control: 3, clients: 4 },
      koffi: "/k",
    },
  )
  assert.deepEqual(parse("store --path /served --control-port skerry.files"), {
    serves: { kind: "store", path: "/served" },
    control: { kind: "ports", control: "skerry.files" },
    koffi: undefined,
  })
})

test("what is missing or unknown is refused", () => {
  for (const line of [
    "directory --access read --control 3 --clients 4",
    "directory --path /served --control 3 --clients 4",
    "directory --path /served --access all --control 3 --clients 4",
    "store --path /served --control 3",
    "store --path /served --control three --clients 4",
    "memory --path /served --control 3 --clients 4",
    "store directory --path /served --control 3 --clients 4",
    "store --path /served --control 3 --clients 4 --verbose",
  ]) {
    assert.throws(() => parse(line), Error, line)
  }
})
