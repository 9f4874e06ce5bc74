import assert from "node:assert/strict"
import { test } from "node:test"
import type { DomainExit } from "../../backend.ts"
import { qemuExit } from "./qemu-domain.ts"

const ended = (code: number | null, signal: string | null = null, untrustedLastWords = "") => ({
  code,
  signal,
  untrustedLastWords,
})

const CASES: Readonly<Record<string, readonly [DomainExit, ...Parameters<typeof qemuExit>]>> = {
  "by a dispose, whatever its status": [{ kind: "stopped" }, ended(null, "SIGKILL"), true, undefined],
  "by a dispose after a panic": [{ kind: "stopped" }, ended(0), true, '"oops"'],
  "by a panic": [
    { kind: "failed", message: 'the guest\'s kernel gave up: "oops"' },
    ended(0),
    false,
    '"oops"',
  ],
  "by the guest": [{ kind: "powered-off" }, ended(0), false, undefined],
  "by a signal to the launcher": [
    { kind: "killed", signal: "SIGTERM" },
    ended(null, "SIGTERM"),
    false,
    undefined,
  ],
  "by a signal to QEMU": [{ kind: "killed", signal: "SIGKILL" }, ended(137), false, undefined],
  "by a signal to its sandbox": [
    { kind: "killed", signal: "SIGKILL" },
    ended(1, null, "unshare: sigprocmask unblock failed: Invalid argument\n"),
    false,
    undefined,
  ],
  "by its sandbox's filter": [{ kind: "killed", signal: "SIGSYS" }, ended(159), false, undefined],
  "with a complaint": [
    { kind: "failed", message: "QEMU ended with status 1: no memory" },
    ended(1, null, " no memory\n"),
    false,
    undefined,
  ],
  "without a word": [{ kind: "failed", message: "QEMU ended with status 1" }, ended(1), false, undefined],
}
for (const [how, [exit, ...given]] of Object.entries(CASES)) {
  test(`a QEMU that ended ${how}`, () => assert.deepEqual(qemuExit(...given), exit))
}
