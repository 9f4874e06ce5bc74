import type { CgroupControls } from "./cgroup.ts"
import { interpretCpu, interpretKvm } from "./host-probe-cpu.ts"
import { interpretAccounts, interpretCgroups, interpretNamespaces } from "./host-probe-namespaces.ts"
import { interpretDisks, interpretMemory, interpretTools } from "./host-probe-resources.ts"

export type FindingState =
  /** Nothing to wish for. */
  | "ok"
  /** Skerry works, with less speed, fewer bounds or a thinner wall; `meaning` says which. */
  | "limited"
  /** Something that Skerry could use is not there; whether it must be is what the backends say. */
  | "missing"

/** One thing about the host, for people. */
export interface Finding {
  readonly name: string
  readonly state: FindingState
  readonly found: string
  readonly meaning: string
  /** What to do, where something can be done. */
  readonly fix?: string
}

/** Raw facts, as they were read: text of files, and what trials have shown. `undefined`: not there. */
export interface HostFacts {
  /** As os.machine() has it. */
  readonly architecture: string
  readonly uid: number
  readonly userName: string
  readonly cpuinfo: string
  readonly meminfo: string
  readonly kvm: { readonly exists: boolean; readonly mayOpen: boolean }
  /** Whether a guest really runs under KVM; undefined where nobody has tried yet. */
  readonly acceleration: { readonly kind: "kvm" | "tcg"; readonly why: string } | undefined
  /** Names in /sys/class/iommu and /sys/class/tpm. */
  readonly iommus: readonly string[]
  readonly tpms: readonly { readonly name: string; readonly majorVersion: string | undefined }[]
  readonly sysctls: {
    readonly maxUserNamespaces: string | undefined
    readonly unprivilegedUserNamespaces: string | undefined
    readonly appArmorRestrictsUserNamespaces: string | undefined
  }
  /** What an ordinary account got when it tried: undefined is success. */
  readonly userNamespaceProblem: string | undefined
  readonly subuid: string
  readonly subgid: string
  readonly cgroups: { readonly controls: CgroupControls; readonly reason: string | undefined }
  /** First line of each program's version, by the program's name; undefined where it cannot be run. */
  readonly tools: Readonly<Record<string, string | undefined>>
  readonly disks: readonly { readonly what: string; readonly path: string; readonly freeBytes: number }[]
}

/** Programs of the host whose versions are facts. */
export const hostTools = (architecture: string): readonly string[] => [
  `qemu-system-${architecture}`,
  "bwrap",
  "unshare",
  "setpriv",
  "newuidmap",
  "find",
  "fsck.erofs",
  "mkfs.erofs",
  "mmdebstrap",
]

/** Everything that `skerry doctor` lists, in its order. */
export function interpretHost(facts: HostFacts): Finding[] {
  return [
    ...interpretCpu(facts),
    interpretKvm(facts),
    interpretIommu(facts),
    interpretTpm(facts),
    interpretNamespaces(facts),
    interpretAccounts(facts),
    interpretCgroups(facts),
    ...interpretTools(facts),
    interpretMemory(facts),
    ...interpretDisks(facts),
  ]
}

function interpretIommu({ iommus }: HostFacts): Finding {
  const name = "IOMMU"
  if (iommus.length > 0) {
    return {
      name,
      state: "ok",
      found: iommus.join(", "),
      meaning: "Devices can be given to a domain safely.",
    }
  }
  return {
    name,
    state: "limited",
    found: "none active",
    meaning: "No device can be given to a domain safely; nothing else needs one.",
    fix: "turn on VT-d or AMD-Vi in the firmware, and boot with intel_iommu=on or amd_iommu=on",
  }
}

function interpretTpm({ tpms }: HostFacts): Finding {
  const name = "TPM"
  const found = tpms.map((tpm) => `${tpm.name} (version ${tpm.majorVersion ?? "unknown"})`).join(", ")
  if (tpms.some((tpm) => tpm.majorVersion === "2")) {
    return { name, state: "ok", found, meaning: "What is launched could be measured and attested." }
  }
  return {
    name,
    state: "limited",
    found: found || "none",
    meaning: "Launches cannot be attested to others; domains run all the same.",
  }
}

export interface BackendVerdict {
  readonly name: "qemu" | "bubblewrap"
  readonly level: "vm" | "process"
  readonly isUsable: boolean
  /** What is in force when it is used, or why it is not usable. */
  readonly why: string
  readonly fix?: string
}

/** What each backend cannot do without. */
const NEEDS: Readonly<Record<BackendVerdict["name"], (facts: HostFacts) => readonly string[]>> = {
  qemu: (facts) => [`qemu-system-${facts.architecture}`, "bwrap", "setpriv", "accounts"],
  bubblewrap: () => ["bwrap", "unshare", "setpriv", "find", "fsck.erofs", "accounts", "user namespaces"],
}

/** Per backend: usable or not, why, and how to mend it. */
export function judgeBackends(facts: HostFacts): BackendVerdict[] {
  const findings = new Map(interpretHost(facts).map((finding) => [finding.name, finding]))
  const judge = (name: BackendVerdict["name"], level: BackendVerdict["level"], inForce: string) => {
    const lacking = NEEDS[name](facts).flatMap((need) => {
      const finding = findings.get(need)
      return finding?.state === "missing" ? [finding] : []
    })
    if (lacking.length === 0) return { name, level, isUsable: true, why: `${inForce}; ${bounds(facts)}` }
    const fixes = [...new Set(lacking.flatMap(({ fix }) => fix ?? []))].join("; ")
    const why = lacking.map((finding) => `${finding.name}: ${finding.found}`).join("; ")
    return { name, level, isUsable: false, why, ...(fixes && { fix: fixes }) }
  }
  return [
    judge("qemu", "vm", `a kernel of its own, ${acceleration(facts)}, an account of its own for each domain`),
    judge(
      "bubblewrap",
      "process",
      "namespaces, system call filter, an account of its own for each domain; the host's kernel",
    ),
  ]
}

function acceleration({ acceleration: tried, kvm }: HostFacts): string {
  if (tried !== undefined) return tried.kind === "kvm" ? "under KVM" : "emulated (see KVM below)"
  return kvm.mayOpen ? "under KVM if a first trial succeeds, else emulated" : "emulated"
}

function bounds({ cgroups: { controls } }: HostFacts): string {
  const held = [
    ...(controls.memory ? ["memory"] : []),
    ...(controls.processes ? ["processes"] : []),
    ...(controls.cpu ? ["CPU share"] : []),
  ]
  return held.length === 0 ? "no cgroup limits" : `${held.join(", ")} limited`
}
