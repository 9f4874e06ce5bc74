import assert from "node:assert/strict"
import {
  encodeConfirmRequest,
  fitQuestion,
  parseSignedData,
  parseSshRequest,
  SshError,
  sshQuestion,
} from "@skerry/services"
import { mutate } from "../mutate.ts"
import type { Prng } from "../prng.ts"
import type { FuzzTarget } from "../target.ts"

function string(content: string | Uint8Array): Buffer {
  const bytes = Buffer.from(content as Uint8Array)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}

const KEY = Buffer.from("key")
const bound = { hostKey: Buffer.from("host"), sessionId: Buffer.from("session"), isForwarding: false }
const login = (method: string, ...more: Buffer[]) =>
  Buffer.concat([
    string("session"),
    Buffer.of(50),
    ...["bob", "ssh-connection", method].map(string),
    Buffer.of(1),
    string("ssh-ed25519"),
    string(KEY),
    ...more,
  ])
const file = Buffer.concat([
  Buffer.from("SSHSIG"),
  ...["git", "", "sha256"].map(string),
  string(Buffer.alloc(32)),
])
const sign = (data: Buffer) => Buffer.concat([Buffer.of(13), string(KEY), string(data), Buffer.alloc(4)])

const examples: readonly [Uint8Array, ...Uint8Array[]] = [
  Buffer.of(11),
  sign(login("publickey")),
  sign(login("publickey-hostbound-v00@openssh.com", string("host"))),
  sign(file),
  Buffer.concat([
    Buffer.of(27),
    ...["session-bind@openssh.com", "host", "session", "sig"].map(string),
    Buffer.of(0),
  ]),
]

/** Only SshError comes out of a message; what is to be signed is known to the last byte, and can be asked about. */
export const sshAgent: FuzzTarget = {
  name: "ssh-agent",
  generate: (prng: Prng) => (prng.chance(8) ? prng.bytes(prng.below(64)) : mutate(prng, prng.pick(examples))),
  check(untrustedInput) {
    let request: ReturnType<typeof parseSshRequest>
    try {
      request = parseSshRequest(untrustedInput)
    } catch (error) {
      if (error instanceof SshError) return
      throw error
    }
    if (request.kind !== "sign") return
    const data = parseSignedData(request.data, request.key)
    if (data === undefined) return
    assert.equal(parseSignedData(Buffer.concat([request.data, Buffer.of(0)]), request.key), undefined)
    const question = sshQuestion(data, { key: request.key, comment: "c" }, [bound])
    if (question !== undefined) encodeConfirmRequest({ callId: "", ...fitQuestion(question) })
  },
}
