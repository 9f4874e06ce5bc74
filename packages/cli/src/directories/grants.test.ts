import assert from "node:assert/strict"
import { test } from "node:test"
import { DIRECTORY_LIMITS, type DirectoryGrantRow } from "@skerry/rpc"
import { chosen } from "../commands/revoke.ts"
import { directoryTable, hostPath, parseDirectoryId, parseDuration } from "./grants.ts"

const row = (id: number, instance: string, path: string): DirectoryGrantRow => ({
  ...{ id, instance, path, kind: "file", at: `/mnt/${id}`, access: "read" },
  ...{ grantedAt: 0, until: undefined, domain: undefined },
})
const rows = [row(1, "mail", "/a"), row(2, "mail", "/b"), row(3, "bank", "/a"), row(4, "d9", "/c")]

test("what is taken back is named by number, by instance, or by instance and path", () => {
  assert.deepEqual(chosen(rows, "d2", undefined), [2])
  assert.deepEqual(chosen(rows, "mail", undefined), [1, 2])
  assert.deepEqual(chosen(rows, "mail", "/b"), [2])
  assert.deepEqual(chosen(rows, "d9", undefined), [4])
  assert.deepEqual(chosen(rows, undefined, undefined), [1, 2, 3, 4])
  for (const [domain, path] of [
    ["d7", undefined],
    ["work", undefined],
    ["bank", "/b"],
  ] as const) {
    assert.throws(() => chosen(rows, domain, path), /There is no grant .* to take back/)
  }
})

test("times stand at their limits and not beyond", () => {
  assert.deepEqual(["30s", "90m", "1h", "2d", undefined].map(parseDuration), [30, 5400, 3600, 172_800, 0])
  assert.equal(parseDuration(`${DIRECTORY_LIMITS.seconds}s`), DIRECTORY_LIMITS.seconds)
  for (const bad of [`${DIRECTORY_LIMITS.seconds + 1}s`, "0s", "1", "h", "1w", "-1h", "1.5h", "", "1h30m"]) {
    assert.throws(() => parseDuration(bad), /Cannot grant for/, bad)
  }
})

test("paths are made absolute without looking where they lead", () => {
  assert.equal(hostPath("report.pdf", "/home/me"), "/home/me/report.pdf")
  assert.equal(hostPath("../x/", "/home/me"), "/home/x")
  assert.equal(hostPath("/a/../b//c/", "/"), "/b/c")
  assert.equal(hostPath("/", "/x"), "/")
  for (const bad of ["", "a\0b"]) assert.throws(() => hostPath(bad, "/"), /is no path/)
})

test("numbers of directory grants have their letter", () => {
  assert.equal(parseDirectoryId("d12"), 12)
  for (const other of ["12", "d0", "d", "dx", "D1", "d1 "]) assert.equal(parseDirectoryId(other), undefined)
})

test("a listing shows what a guest may have written without doing anything in the terminal", () => {
  const shown = directoryTable([row(1, "mail", "/tmp/\u001b[31mred")])
  assert.equal(shown.includes("\u001b"), false)
})
