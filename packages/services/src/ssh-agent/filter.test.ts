import assert from "node:assert/strict"
import { Readable } from "node:stream"
import { test } from "node:test"
import { SSH_LIMITS } from "./limits.ts"
import { type Identity, MESSAGE, parseIdentities, parseRequest, readMessages } from "./messages.ts"
import { parseSignedData } from "./signed-data.ts"
import { type Binding, sshQuestion } from "./ssh-question.ts"
import { sshString } from "./ssh-reader.ts"

const KEY = Buffer.from("a key")
const SESSION = Buffer.from("a session")
const HOST = Buffer.from("a host's key")
const identity: Identity = { key: KEY, comment: "ada" }

interface LoginParts {
  session?: Buffer
  type?: number
  user?: string
  service?: string
  method?: string
  hasSignature?: number
  key?: Buffer
  tail?: Buffer
}

function login(parts: LoginParts = {}): Buffer {
  return Buffer.concat([
    sshString(parts.session ?? SESSION),
    Buffer.of(parts.type ?? 50),
    sshString(parts.user ?? "bob"),
    sshString(parts.service ?? "ssh-connection"),
    sshString(parts.method ?? "publickey"),
    Buffer.of(parts.hasSignature ?? 1),
    sshString("ssh-ed25519"),
    sshString(parts.key ?? KEY),
    parts.tail ?? Buffer.alloc(0),
  ])
}

const file = (namespace: string, hash: string, digestBytes: number, reserved = "") =>
  Buffer.concat([
    Buffer.from("SSHSIG"),
    sshString(namespace),
    sshString(reserved),
    sshString(hash),
    sshString(Buffer.alloc(digestBytes)),
  ])

test("a login is recognised, host-bound or not", () => {
  assert.deepEqual(parseSignedData(login(), KEY), {
    kind: "login",
    sessionId: SESSION,
    user: "bob",
    hostKey: undefined,
  })
  const method = "publickey-hostbound-v00@openssh.com"
  assert.deepEqual(parseSignedData(login({ method, tail: sshString(HOST) }), KEY), {
    kind: "login",
    sessionId: SESSION,
    user: "bob",
    hostKey: HOST,
  })
})

test("what is neither a login nor a signed file is not signed", () => {
  for (const [what, data] of Object.entries({
    empty: Buffer.alloc(0),
    text: Buffer.from("I owe you 100"),
    "another message": login({ type: 51 }),
    "another service": login({ service: "ssh-userauth" }),
    "another method": login({ method: "password" }),
    "no signature announced": login({ hasSignature: 0 }),
    "another key": login({ key: Buffer.from("b key") }),
    "no session": login({ session: Buffer.alloc(0) }),
    "bytes left over": login({ tail: Buffer.of(0) }),
    "host-bound without a host": login({ method: "publickey-hostbound-v00@openssh.com" }),
    "cut short": login().subarray(0, -1),
    "user over the limit": login({ user: "u".repeat(SSH_LIMITS.shownBytes + 1) }),
    "no namespace": file("", "sha512", 64),
    "namespace over the limit": file("n".repeat(SSH_LIMITS.shownBytes + 1), "sha512", 64),
    "something reserved": file("git", "sha512", 64, "x"),
    "another hash": file("git", "md5", 16),
    "a digest of another length": file("git", "sha256", 64),
    "a property of every object": file("git", "constructor", 1),
  })) {
    assert.equal(parseSignedData(data, KEY), undefined, what)
  }
  assert.notEqual(parseSignedData(login({ user: "u".repeat(SSH_LIMITS.shownBytes) }), KEY), undefined)
  assert.equal(parseSignedData(file("git", "sha256", 32), KEY)?.kind, "file")
})

const bound: Binding = { hostKey: HOST, sessionId: SESSION, isForwarding: false }
const ask = (data: Buffer, bindings: readonly Binding[]) => {
  const signed = parseSignedData(data, KEY)
  assert.ok(signed)
  return sshQuestion(signed, identity, bindings)
}

test("a login to a host that nobody named cannot be remembered", () => {
  assert.equal(ask(login(), [])?.rememberable, false)
  assert.equal(ask(login(), [bound])?.rememberable, true)
})

test("a user name or namespace can neither end its place in the title nor begin a line", () => {
  const forged = 'git" with the SSH key harmless\nHost:\n\u202egithub.com'
  for (const data of [login({ user: forged }), file(forged, "sha512", 64)]) {
    const question = ask(data, [])
    assert.match(
      question?.title ?? "",
      /^[^"]+"git\\" with the SSH key harmless\\nHost:\\n\\u202egithub\.com" with the SSH key ada$/,
    )
    for (const { label, text } of question?.details ?? []) {
      if (label !== "Key") assert.doesNotMatch(text, /[\n\u202e]/)
    }
  }
  assert.match(ask(login({ user: "u".repeat(1000) }), [])?.title ?? "", /with the SSH key ada$/)
})

test("an answer is remembered for one user name, one host and one key", () => {
  const operations = [
    ask(login(), [bound])?.operation,
    ask(login({ user: "root" }), [bound])?.operation,
    ask(login(), [{ ...bound, hostKey: KEY }])?.operation,
  ]
  assert.equal(new Set(operations).size, 3)
  for (const operation of operations) assert.ok((operation ?? "").length <= 64)
})

test("a bound connection signs for its last session alone", () => {
  assert.equal(ask(login({ session: Buffer.from("other") }), [bound]), undefined)
  assert.equal(ask(login(), [bound, { ...bound, sessionId: KEY }]), undefined)
  assert.equal(ask(login(), [{ ...bound, isForwarding: true }]), undefined)
  const method = "publickey-hostbound-v00@openssh.com"
  assert.equal(ask(login({ method, tail: sshString(KEY) }), [bound]), undefined)
  assert.notEqual(ask(login({ method, tail: sshString(HOST) }), [bound]), undefined)
})

test("a forwarded agent shows through whom, and is asked each time", () => {
  const question = ask(login(), [{ hostKey: KEY, sessionId: KEY, isForwarding: true }, bound])
  assert.equal(question?.rememberable, false)
  assert.match(question?.details.at(-1)?.text ?? "", /^SHA256:/)
})

test("requests are parsed whole, and only three kinds are known", () => {
  const sign = (flags: number) =>
    Buffer.concat([Buffer.of(13), sshString(KEY), sshString("data"), Buffer.of(0, 0, 0, flags)])
  assert.equal(parseRequest(sign(4)).kind, "sign")
  assert.equal(parseRequest(sign(1)).kind, "other")
  assert.throws(() => parseRequest(Buffer.concat([sign(0), Buffer.of(0)])), /1 bytes follow/)
  assert.throws(() => parseRequest(Buffer.of(11, 0)), /1 bytes follow/)
  assert.throws(() => parseRequest(Buffer.alloc(0)), /Needed 1 bytes/)
  for (const type of [1, 9, 17, 18, 19, 20, 21, 22, 23, 25, 26, 255]) {
    assert.equal(parseRequest(Buffer.of(type)).kind, "other")
  }
  assert.equal(parseRequest(Buffer.concat([Buffer.of(27), sshString("query")])).kind, "other")
})

test("messages come out the same in any pieces, up to the limit and not beyond", async () => {
  const largest = Buffer.alloc(SSH_LIMITS.messageBytes, 7)
  const stream = Buffer.concat([sshString("a"), sshString(largest), sshString("b")])
  for (const size of [stream.length, 65_536, 7]) {
    const pieces: Buffer[] = []
    for (let at = 0; at < stream.length; at += size) pieces.push(stream.subarray(at, at + size))
    const lengths: number[] = []
    for await (const message of readMessages(Readable.from(pieces))) lengths.push(message.length)
    assert.deepEqual(lengths, [1, largest.length, 1])
  }
  for (const untrusted of [
    sshString(Buffer.alloc(SSH_LIMITS.messageBytes + 1)),
    sshString(""),
    Buffer.of(0, 0, 0, 2, 1),
  ]) {
    await assert.rejects(readMessages(Readable.from([untrusted])).next(), { code: "bad-message" })
  }
})

test("a list of keys has as many as the limit says, and no more", () => {
  const list = (count: number) => {
    const header = Buffer.alloc(5)
    header.writeUInt8(MESSAGE.identities)
    header.writeUInt32BE(count, 1)
    return Buffer.concat([
      header,
      ...Array.from({ length: count }, () => Buffer.concat([sshString(KEY), sshString("")])),
    ])
  }
  assert.equal(parseIdentities(list(SSH_LIMITS.keys)).length, SSH_LIMITS.keys)
  assert.throws(() => parseIdentities(list(SSH_LIMITS.keys + 1)), /are over/)
})
