import type { Finding, HostFacts } from "./host-probe.ts"

/** The words of every line with that title in /proc/cpuinfo, which repeats itself for each processor. */
function cpuWords(cpuinfo: string, title: string): Set<string> {
  const lines = cpuinfo.split("\n").filter((line) => line.split(":")[0]?.trim() === title)
  return new Set(
    lines.flatMap((line) =>
      line
        .slice(line.indexOf(":") + 1)
        .trim()
        .split(/\s+/),
    ),
  )
}

/** docs/threat-model.md says more. */
const EMULATED =
  "Virtual machines are emulated: several times slower, and QEMU's authors vouch for its walls only under KVM."

export function interpretCpu(facts: HostFacts): Finding[] {
  if (facts.architecture !== "x86_64") return [] // Other processors do not say it in cpuinfo: KVM tells.
  const flags = cpuWords(facts.cpuinfo, "flags")
  const vmxFlags = cpuWords(facts.cpuinfo, "vmx flags")
  const kind = flags.has("vmx") ? "VT-x (vmx)" : flags.has("svm") ? "AMD-V (svm)" : undefined
  const virtualisation: Finding =
    kind === undefined
      ? {
          name: "CPU virtualisation",
          state: "limited",
          found: flags.has("hypervisor") ? "none: this host is itself a virtual machine" : "none",
          meaning: EMULATED,
          fix: flags.has("hypervisor")
            ? "turn on nested virtualisation where this machine is hosted"
            : "turn on VT-x or AMD-V in the firmware",
        }
      : {
          name: "CPU virtualisation",
          state: "ok",
          found: kind,
          meaning: "Virtual machines can run at the processor's speed.",
        }
  const translation = flags.has("ept") || vmxFlags.has("ept") ? "EPT" : flags.has("npt") ? "NPT" : undefined
  return [
    virtualisation,
    {
      name: "second-level translation",
      state: translation === undefined ? "limited" : "ok",
      found: translation ?? "none",
      meaning:
        translation === undefined
          ? "Even with KVM, a guest's page tables would be kept by the host's kernel: slower, and more of it exposed."
          : "A guest's page tables are the processor's work.",
    },
  ]
}

export function interpretKvm(facts: HostFacts): Finding {
  const { kvm, acceleration } = facts
  const name = "KVM"
  const meaning = EMULATED
  if (!kvm.exists) {
    return {
      name,
      state: "limited",
      found: "no /dev/kvm",
      meaning,
      fix: "sudo modprobe kvm_intel (or kvm_amd)",
    }
  }
  if (!kvm.mayOpen) {
    const fix = `sudo usermod --append --groups kvm ${facts.userName}, then log in again`
    return { name, state: "limited", found: `${facts.userName} may not open /dev/kvm`, meaning, fix }
  }
  if (acceleration === undefined) {
    const found = "/dev/kvm can be opened; whether a guest runs is tried at the first start"
    return { name, state: "ok", found, meaning: "Virtual machines run at the processor's speed if it does." }
  }
  if (acceleration.kind === "tcg") {
    return { name, state: "limited", found: acceleration.why, meaning }
  }
  return { name, state: "ok", found: "works", meaning: "Virtual machines run at the processor's speed." }
}
