import assert from "node:assert/strict"
import { PassThrough, Readable } from "node:stream"
import { test } from "node:test"
import { encode, ProtocolError, writeFrame } from "@skerry/wire"
import { emptyRequest } from "./command-line.ts"
import { answerWriter, readAnswerParts, requestWriter } from "./frames.ts"
import { GPG_LIMITS } from "./limits.ts"
import { readRequest } from "./read-request.ts"
import { GpgRequest } from "./request.ts"

const request = encode(GpgRequest, emptyRequest("sign"))
const [REQUEST, DATA, SIGNATURE, END] = [0, 1, 2, 3]
const frame = (type: number, bytes: Uint8Array | string = "") =>
  writeFrame(0, type, Buffer.from(bytes as Uint8Array))
const read = (...frames: Uint8Array[]) => readRequest(Readable.from(frames))

test("a request comes with its data, in any pieces", async () => {
  const frames = [
    frame(REQUEST, request),
    frame(DATA, "ab"),
    frame(SIGNATURE, "s"),
    frame(DATA, "c"),
    frame(DATA),
    frame(END),
  ]
  const whole = Buffer.concat(frames)
  for (const pieces of [frames, [whole], [...whole].map((byte) => Uint8Array.of(byte))]) {
    const { data, signature } = await read(...pieces)
    assert.equal(Buffer.from(data).toString(), "abc")
    assert.equal(Buffer.from(signature).toString(), "s")
  }
})

test("parts out of order, unknown, cut or after a wrong call end the request", async () => {
  for (const frames of [
    [frame(DATA, "a")],
    [frame(END)],
    [frame(REQUEST, request), frame(REQUEST, request)],
    [frame(4)],
    [writeFrame(1, REQUEST, request)],
    [frame(REQUEST, request), frame(DATA, "abc").subarray(0, 10)],
    [frame(REQUEST, request)],
    [frame(REQUEST, Buffer.concat([request, Buffer.of(0)]))],
    [frame(REQUEST, request.subarray(0, -1))],
    [],
  ]) {
    await assert.rejects(read(...frames), ProtocolError)
  }
})

test("a signature has as many bytes as the limit says, and no more", async () => {
  const write = async (byteCount: number) => {
    const stream = new PassThrough()
    const writing = (async () => {
      const writer = requestWriter(stream)
      await writer.write("request", request)
      await writer.write("signature", new Uint8Array(byteCount))
      await writer.write("end")
    })()
    // The reader may stop early.
    writing.catch(() => {})
    return readRequest(stream)
  }
  assert.equal((await write(GPG_LIMITS.signatureBytes)).signature.length, GPG_LIMITS.signatureBytes)
  await assert.rejects(write(GPG_LIMITS.signatureBytes + 1), { code: "too-large" })
})

test("names are bounded in number and length, and hold no control characters", () => {
  const of = (localUsers: string[]) => encode(GpgRequest, { ...emptyRequest("sign"), localUsers })
  of(new Array<string>(GPG_LIMITS.names).fill("n".repeat(GPG_LIMITS.nameBytes)))
  assert.throws(() => of(new Array<string>(GPG_LIMITS.names + 1).fill("n")), RangeError)
  for (const name of ["n".repeat(GPG_LIMITS.nameBytes + 1), "", "a\nb", "a\0", "\u007f"]) {
    assert.throws(() => of([name]), RangeError)
  }
})

test("an answer larger than a frame comes back whole", async () => {
  const stream = new PassThrough()
  const bytes = Buffer.alloc(200_000, "x")
  const writing = (async () => {
    const writer = answerWriter(stream)
    await writer.write("stdout", bytes)
    await writer.write("exit", Uint8Array.of(3))
    stream.end()
  })()
  let byteCount = 0
  const parts: string[] = []
  for await (const { part, untrustedBytes } of readAnswerParts(stream)) {
    parts.push(part)
    if (part === "stdout") byteCount += untrustedBytes.length
  }
  await writing
  assert.equal(byteCount, bytes.length)
  assert.equal(parts.at(-1), "exit")
})
