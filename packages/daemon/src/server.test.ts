import assert from "node:assert/strict"
import { once } from "node:events"
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { test } from "node:test"
import { openLinux } from "@skerry/linux"
import { listenLocally, type PeerUid } from "./server.ts"

const OWN = 1234

/** What a client reads from a server that greets whoever it lets in. */
async function greetingFor(peerUid: PeerUid, uid: number): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "skerry-server-"))
  const path = join(folder, "test.sock")
  writeFileSync(path, "left by a daemon that was killed")
  const onSocket = (socket: { end(text: string): unknown }) => socket.end("hello")
  const server = await listenLocally({ path, uid, peerUid, isPaused: false, onSocket })
  try {
    assert.equal(statSync(path).mode & 0o777, 0o600)
    const client = connect(path)
    client.on("error", () => {}) // cut off: what was read before is what counts
    await once(client, "connect")
    return await text(client).catch(() => "")
  } finally {
    server.close()
    rmSync(folder, { recursive: true })
  }
}

test("the daemon's account and root are let in, everybody else is cut off before a byte", async () => {
  assert.equal(await greetingFor(() => OWN, OWN), "hello")
  assert.equal(await greetingFor(() => 0, OWN), "hello")
  assert.equal(await greetingFor(() => OWN + 1, OWN), "")
})

test("who is at the other end is what the kernel says", async () => {
  const linux = openLinux()
  const peerUid: PeerUid = (descriptor) => linux.peerCredentials(descriptor).uid
  const uid = process.getuid?.() ?? 0
  assert.equal(await greetingFor(peerUid, uid), "hello")
  // As another account's daemon sees us; root may connect to every daemon.
  assert.equal(await greetingFor(peerUid, uid + 1), uid === 0 ? "hello" : "")
})
