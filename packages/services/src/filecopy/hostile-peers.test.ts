import assert from "node:assert/strict"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { PassThrough } from "node:stream"
import { afterEach, beforeEach, test } from "node:test"
import { encodeResult, QFILE_ERRNO } from "./qfile.ts"
import { encodeOffer, encodeStart, GREETING, RESUME } from "./resume.ts"
import { directory, END, entry, Home } from "./scripted-sender.ts"
import { sendFiles } from "./send.ts"

/* Receivers that lie to a sender, and what a sender may try with the records of the extended stream. */

let folder: string
let path: string
/** Bytes of the last stream. */
let sent = 0
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "skerry-peers-"))
  path = join(folder, "file")
})
afterEach(() => rmSync(folder, { recursive: true }))

/** Sends the file to a receiver that says this, whatever comes. */
async function sendTo(replies: readonly Buffer[], { resume = false, ends = true } = {}) {
  const output = new PassThrough()
  const incoming = new PassThrough()
  sent = 0
  output.on("data", (chunk: Buffer) => {
    sent += chunk.length
  })
  for (const reply of replies) incoming.write(reply)
  if (ends) incoming.end()
  return await sendFiles({ paths: [path], output, replies: incoming, resume, ignoreSymlinks: false })
}

const good = (crc32: number) => encodeResult({ errno: 0, crc32 }, Buffer.alloc(0))

test("a receiver that says nothing, half a result, or a wrong checksum has not confirmed", async () => {
  writeFileSync(path, "content")
  await assert.rejects(sendTo([]), { code: "peer-failed" })
  await assert.rejects(sendTo([good(0).subarray(0, 15)]), { code: "peer-failed" })
  await assert.rejects(sendTo([good(1)]), { code: "checksum" })
  const huge = good(0)
  huge.writeBigUInt64LE(2n ** 64n - 1n, 8)
  await assert.rejects(sendTo([huge]), { code: "checksum" })
})

test("an early failure stops the sender, and its last name is bounded and quoted", async () => {
  writeFileSync(path, Buffer.alloc(20_000_000))
  const failure = encodeResult(
    { errno: QFILE_ERRNO.exists, crc32: 0 },
    Buffer.from(`\u001b[2J${"n".repeat(10_000)}`),
  )
  await assert.rejects(sendTo([failure], { ends: false }), (error: Error) => {
    assert.match(error.message, /at "\\u001b\[2Jn+…": something of that name/)
    return error.message.length < 300
  })
  // A name of 4 GB is announced: no more than a path is read.
  const endless = Buffer.concat([failure.subarray(0, 16), Buffer.alloc(4, 0xff), Buffer.alloc(20_000, "x")])
  await assert.rejects(sendTo([endless], { ends: false }), { code: "peer-failed" })
  const unknown = encodeResult({ errno: 0xffff_ffff, crc32: 0 }, Buffer.alloc(0))
  await assert.rejects(sendTo([unknown]), /error 4294967295/)
})

test("an offer of more than there is, or of other bytes, makes the sender begin at the beginning", async () => {
  const content = Buffer.alloc(RESUME.leastBytes + 5, "c")
  writeFileSync(path, content)
  for (const offset of [content.length + 1, 2 ** 53, content.length, 7]) {
    const offer = encodeOffer({ offset, sha256: Buffer.alloc(32, 1) })
    await assert.rejects(sendTo([GREETING, offer, good(0)], { resume: true }), { code: "checksum" })
    assert.ok(sent > content.length, `${sent} bytes were sent`)
  }
})

test("a sender that goes on where nothing was offered is refused", async () => {
  using home = new Home()
  const long = entry({ name: "d/long", bytes: BigInt(RESUME.leastBytes) })
  for (const start of [1, RESUME.leastBytes, RESUME.leastBytes + 1]) {
    const stream = [END, directory("d"), long, encodeStart(start), Buffer.alloc(RESUME.leastBytes), END]
    await home.receive(stream, { argument: "resume" }).then(({ status }) => assert.equal(status, 1))
    assert.deepEqual(readdirSync(join(home.incoming, "d")), [])
  }
  assert.deepEqual(readdirSync(home.incoming), ["d"], "nothing incomplete is kept of nothing")
})

test("a file that lies there is not changed by a sender that has another one", async () => {
  using home = new Home()
  const send = async (letter: string, start: Buffer, content: Buffer) => {
    const header = entry({ name: "long", bytes: BigInt(RESUME.leastBytes) })
    return await home.receive([END, header, start, content, Buffer.alloc(letter.length), END], {
      argument: "resume",
    })
  }
  await send("", encodeStart(0), Buffer.alloc(RESUME.leastBytes, "a"))
  const found = () => readFileSync(join(home.incoming, "long"))
  assert.ok(found().equals(Buffer.alloc(RESUME.leastBytes, "a")))
  assert.equal((await send("", encodeStart(0), Buffer.alloc(RESUME.leastBytes, "b"))).status, 1)
  assert.equal((await send("", encodeStart(5), Buffer.alloc(RESUME.leastBytes, "b"))).status, 1)
  assert.ok(found().equals(Buffer.alloc(RESUME.leastBytes, "a")))
})

test("without a probe the extended stream does not begin", async () => {
  using home = new Home()
  assert.equal((await home.receive([entry({ name: "x" }), END], { argument: "resume" })).status, 1)
  assert.deepEqual(readdirSync(home.incoming), [])
  assert.equal((await home.receive([END], { argument: "resume+unknown" })).status, 1)
})
