import assert from "node:assert/strict"
import { test } from "node:test"
import { type HostFacts, hostTools, interpretHost, judgeBackends } from "./host-probe.ts"

const ALL = { memory: true, processes: true, cpu: true, freezer: true }
const NONE = { memory: false, processes: false, cpu: false, freezer: false }

/** A host on which there is nothing to mend. */
const good: HostFacts = {
  architecture: "x86_64",
  uid: 1000,
  userName: "ada",
  cpuinfo:
    "processor\t: 0\nflags\t\t: fpu vmx sse\nvmx flags\t: vnmi ept\n\nprocessor\t: 1\nflags\t\t: fpu vmx\n",
  meminfo: "MemTotal:       16000000 kB\nMemAvailable:    8000000 kB\n",
  kvm: { exists: true, mayOpen: true },
  acceleration: { kind: "kvm", why: "a guest ran" },
  iommus: ["dmar0"],
  tpms: [{ name: "tpm0", majorVersion: "2" }],
  sysctls: {
    maxUserNamespaces: "60000",
    unprivilegedUserNamespaces: "1",
    appArmorRestrictsUserNamespaces: undefined,
  },
  userNamespaceProblem: undefined,
  subuid: "ada:100000:65536\n",
  subgid: "ada:100000:65536\n",
  cgroups: { controls: ALL, reason: undefined },
  tools: Object.fromEntries(hostTools("x86_64").map((tool) => [tool, `${tool} 1.0`])),
  disks: [{ what: "images", path: "/home/ada/.cache/skerry", freeBytes: 50e9 }],
}

const find = (facts: HostFacts, name: string) =>
  interpretHost(facts).find((finding) => finding.name === name) ?? assert.fail(`no finding ${name}`)

test("a good host has nothing to mend", () => {
  for (const finding of interpretHost(good)) assert.equal(finding.state, "ok", finding.name)
  assert.deepEqual(
    judgeBackends(good).map(({ name, isUsable }) => [name, isUsable]),
    [
      ["qemu", true],
      ["bubblewrap", true],
    ],
  )
})

test("what is not ok says what follows from it, and nearly always what to do", () => {
  const bare: HostFacts = {
    ...good,
    cpuinfo: "",
    meminfo: "",
    kvm: { exists: false, mayOpen: false },
    iommus: [],
    tpms: [],
    userNamespaceProblem: "Operation not permitted",
    subuid: "",
    cgroups: { controls: NONE, reason: "no cgroup is delegated" },
    tools: {},
    disks: [{ what: "images", path: "/", freeBytes: 0 }],
  }
  const findings = interpretHost(bare)
  assert.ok(findings.every(({ state }) => state !== "ok"))
  const withoutFix = findings.filter(({ fix }) => fix === undefined).map(({ name }) => name)
  assert.deepEqual(withoutFix, ["second-level translation", "TPM", "cgroups"])
  for (const verdict of judgeBackends(bare)) {
    assert.equal(verdict.isUsable, false)
    assert.match(verdict.fix ?? "", /usermod --add-subuids .* ada/)
  }
})

test("KVM is believed only after a trial", () => {
  assert.match(find({ ...good, acceleration: undefined }, "KVM").found, /tried at the first start/)
  const broken = { ...good, acceleration: { kind: "tcg", why: "a guest hung" } } as const
  assert.equal(find(broken, "KVM").state, "limited")
  assert.match(find(broken, "KVM").found, /a guest hung/)
  assert.match(judgeBackends(broken)[0]?.why ?? "", /emulated \(see KVM below\)/)
  assert.match(find({ ...good, kvm: { exists: true, mayOpen: false } }, "KVM").fix ?? "", /groups kvm ada/)
})

test("the reason why user namespaces are closed decides how to open them", () => {
  const closed = { ...good, userNamespaceProblem: "Operation not permitted" }
  const fix = (sysctls: Partial<HostFacts["sysctls"]>) =>
    find({ ...closed, sysctls: { ...good.sysctls, ...sysctls } }, "user namespaces").fix ?? ""
  assert.match(fix({ appArmorRestrictsUserNamespaces: "1" }), /AppArmor profile/)
  assert.match(fix({ unprivilegedUserNamespaces: "0" }), /unprivileged_userns_clone=1/)
  assert.match(fix({ maxUserNamespaces: "0" }), /max_user_namespaces=/)
  assert.match(fix({}), /CONFIG_USER_NS/)
  assert.equal(
    find({ ...good, sysctls: { ...good.sysctls, appArmorRestrictsUserNamespaces: "1" } }, "user namespaces")
      .state,
    "ok",
  )
})

test("root needs no sub-uids and no newuidmap", () => {
  const root = {
    ...good,
    uid: 0,
    userName: "root",
    subuid: "",
    subgid: "",
    tools: { ...good.tools, newuidmap: undefined },
  }
  assert.equal(find(root, "accounts").state, "ok")
  assert.ok(judgeBackends(root).every(({ isUsable }) => isUsable))
  assert.ok(interpretHost(root).every(({ name }) => name !== "newuidmap"))
})

test("a missing program makes only those backends unusable that need it", () => {
  const without = (tool: string) =>
    judgeBackends({ ...good, tools: { ...good.tools, [tool]: undefined } }).map(({ isUsable }) => isUsable)
  assert.deepEqual(without("qemu-system-x86_64"), [false, true])
  assert.deepEqual(without("fsck.erofs"), [true, false])
  assert.deepEqual(without("bwrap"), [false, false])
  assert.deepEqual(without("mmdebstrap"), [true, true])
})

test("AMD's flags count, and other processors' cpuinfo says nothing", () => {
  const amd = { ...good, cpuinfo: "flags : svm npt\n" }
  assert.match(find(amd, "CPU virtualisation").found, /svm/)
  assert.equal(find(amd, "second-level translation").found, "NPT")
  assert.ok(
    interpretHost({ ...good, architecture: "aarch64" }).every(({ name }) => name !== "CPU virtualisation"),
  )
})
