import assert from "node:assert/strict"
import { join } from "node:path"
import { test } from "node:test"
import { assertGolden } from "../../../../../tools/golden.ts"
import type { DomainAccount } from "../../accounts.ts"
import { type Launch, qemuArguments } from "./command-line.ts"
import { confinedCommand } from "./confinement.ts"
import { type KvmAccess, kvmAccess } from "./host.ts"
import { machineFor } from "./machine.ts"

const GOLDEN = join(import.meta.dirname, "../../../../../testdata/isolation")
const MIB = 1024 * 1024

/** One word a line; an empty one as "". */
const lines = (words: readonly string[]) => `${words.map((word) => word || '""').join("\n")}\n`

const launch = (architecture: string, changes: Partial<Launch> = {}): Launch => {
  const acceleration = changes.acceleration ?? "tcg"
  return {
    machine: machineFor(architecture, acceleration),
    acceleration,
    shape: { memoryMiB: 256, vcpus: 2 },
    layerBytes: [96 * MIB, 2 * MIB],
    start: "boot-shared",
    ...changes,
  }
}

for (const architecture of ["x64", "arm64", "ppc64"]) {
  for (const acceleration of ["kvm", "tcg"] as const) {
    test(`the machine of ${architecture} with ${acceleration}`, () => {
      const { machine } = launch(architecture, { acceleration })
      const command = [machine.binary, ...qemuArguments(launch(architecture, { acceleration }))]
      assertGolden(join(GOLDEN, `qemu-machine-${architecture}-${acceleration}.txt`), lines(command))
    })
  }
}

for (const start of ["boot-shared", "boot-private", "boot-with-volume", "clone"] as const) {
  test(`the command line of a ${start}`, () => {
    assertGolden(join(GOLDEN, `qemu-${start}.txt`), lines(qemuArguments(launch("x64", { start }))))
  })
}

test("a template and its clones have the same devices in the same order", () => {
  const devices = (start: Launch["start"]) => {
    const words = qemuArguments(launch("x64", { start }))
    return words.filter((_, index) =>
      ["-device", "-machine", "-cpu", "-smp", "-m"].includes(words[index - 1] ?? ""),
    )
  }
  assert.ok(devices("clone").length > 6)
  assert.deepEqual(devices("clone"), devices("boot-shared"))
})

test("an architecture that is not in the table is refused, and those in it are named", () => {
  const refused = { code: "unusable", message: /no virtual machine for "s390x"; it has x64, arm64, ppc64/ }
  assert.throws(() => machineFor("s390x", "kvm"), refused)
})

const ACCOUNTS: Readonly<Record<string, DomainAccount>> = {
  root: { kind: "reserved", uid: 1_900_000_001, gid: 1_900_000_002 },
  user: { kind: "sub-uid", uid: 100_001, gid: 200_001 },
}
const KVM: Readonly<Record<string, KvmAccess>> = {
  tcg: { kind: "none" },
  "kvm-group": { kind: "group", gid: 106 },
  "kvm-anyone": { kind: "anyone" },
}

for (const [who, account] of Object.entries(ACCOUNTS)) {
  for (const [how, kvm] of Object.entries(KVM)) {
    test(`the sandbox around QEMU, made by ${who}, ${how}`, () => {
      const command = confinedCommand(
        {
          account,
          kvm,
          bwrapPath: "/usr/bin/bwrap",
          folders: [
            { name: "bin", kind: "symlink", target: "usr/bin" },
            { name: "lib64", kind: "directory" },
          ],
          infoFd: 11,
        },
        ["qemu-system-x86_64", "-nodefaults"],
      )
      assertGolden(join(GOLDEN, `qemu-confined-${who}-${how}.txt`), lines(command))
    })
  }
}

test("a domain gets to /dev/kvm only by a group that opens nothing else, or where everyone does", () => {
  assert.deepEqual(kvmAccess(undefined), { kind: "none" })
  assert.deepEqual(kvmAccess({ mode: 0o20600, gid: 0 }), { kind: "root" })
  assert.deepEqual(kvmAccess({ mode: 0o20660, gid: 0 }), { kind: "root" })
  assert.deepEqual(kvmAccess({ mode: 0o20660, gid: 106 }), { kind: "group", gid: 106 })
  assert.deepEqual(kvmAccess({ mode: 0o20640, gid: 106 }), { kind: "root" })
  assert.deepEqual(kvmAccess({ mode: 0o20666, gid: 0 }), { kind: "anyone" })
})
