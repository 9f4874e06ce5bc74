import assert from "node:assert/strict"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { test } from "node:test"
import { parsePss, proportionalBytes } from "./process-memory.ts"

test("Pss is read, and not its parts", () => {
  const text =
    "5581c000-7ffd2000 ---p 00000000 00:00 0 [rollup]\nRss:   9000 kB\nPss:    512 kB\nPss_Anon:   100 kB\n"
  assert.equal(parsePss(text), 512 * 1024)
  assert.equal(parsePss(""), undefined)
})

test("of a process that is gone nothing is said", async () => {
  assert.equal(await proportionalBytes(2 ** 22 + 1), undefined)
  assert.ok(((await proportionalBytes(process.pid)) ?? 0) > 1024 * 1024)
})

test("the memory of what a process started counts with its own", async () => {
  const script = "const b = Buffer.alloc(64e6, 1); console.log(b.length); setInterval(() => b, 1e6)"
  const words = ["-c", '"$0" -e "$1"; :', process.execPath, script]
  const child = spawn("/bin/sh", words, { stdio: ["pipe", "pipe", "inherit"], detached: true })
  await once(child.stdout, "data")
  const bytes = (await proportionalBytes(child.pid ?? 0)) ?? 0
  assert.ok(bytes > 64e6, `${bytes}`)
  process.kill(-(child.pid ?? 0), "SIGKILL")
})
