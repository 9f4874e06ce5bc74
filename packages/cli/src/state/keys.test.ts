import assert from "node:assert/strict"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { CallFailure, handler, STATE_METHODS } from "@skerry/rpc"
import { runCommandLine } from "../testing.ts"
import { scriptedDaemon, terminalTyping } from "./testing.ts"

test("a locked store is opened on a terminal, and elsewhere said to be locked", async () => {
  let isOpen = false
  const status = handler(STATE_METHODS.stateStatus, () => ({
    status: isOpen ? ("open" as const) : ("locked" as const),
    key: "passphrase" as const,
    storedBytes: 0n,
    freeBytes: 0n,
  }))
  const unlock = handler(STATE_METHODS.stateUnlock, ({ key }) => {
    if (key.kind !== "passphrase" || key.passphrase !== "sesame") throw new CallFailure("wrong-key", "no")
    isOpen = true
    return undefined
  })
  const log = handler(STATE_METHODS.stateLog, () => {
    if (!isOpen) throw new CallFailure("locked", 'The state store is locked: run "skerry state unlock"')
    return undefined
  })
  await using daemon = await scriptedDaemon([status, unlock, log])
  assert.match((await daemon.run("state", "log", "mail")).stderr, /locked: run "skerry state unlock"/)
  const type = async (typed: string) => {
    const { stdin, stderr } = terminalTyping("Passphrase", typed)
    return {
      ...(await runCommandLine(["state", "log", "mail"], { paths: daemon.paths, stdin, stderr })),
      shown: stderr.text,
    }
  }
  const wrong = await type("other\r")
  assert.match(wrong.shown, /That is not the passphrase of the state store/)
  const right = await type("sesame\r")
  assert.equal(right.status, 0)
  assert.doesNotMatch(right.shown, /sesame/)
})

test("a store with a key file is given a passphrase without asking for a present one", async () => {
  const changes: unknown[] = []
  const status = handler(STATE_METHODS.stateStatus, () => ({
    status: "open" as const,
    key: "keyFile" as const,
    storedBytes: 0n,
    freeBytes: 0n,
  }))
  const change = handler(STATE_METHODS.stateSetKey, (params) => {
    changes.push(params)
    return undefined
  })
  await using daemon = await scriptedDaemon([status, change])
  mkdirSync(daemon.paths.configuration)
  writeFileSync(join(daemon.paths.configuration, "state.key"), "key")
  writeFileSync(join(daemon.folder, "next"), "sesame\n")
  assert.match((await daemon.run("state", "passphrase")).stderr, /Without a terminal, name files/)
  const done = await daemon.run("state", "passphrase", "--new-passphrase-file", "next")
  assert.match(done.stdout, /opens with the new passphrase/)
  assert.deepEqual(changes, [
    {
      present: { kind: "keyFile", content: Buffer.from("key") },
      next: { kind: "passphrase", passphrase: "sesame" },
    },
  ])
})
