import type { Finding, HostFacts } from "./host-probe.ts"

const GIB = 2 ** 30

/** Below this much memory or disk only a few small domains or images have room. */
const COMFORTABLE = { memoryBytes: 2 * GIB, diskBytes: 4 * GIB }
/** Below this much not even one. */
const LEAST = { memoryBytes: 0.4 * GIB, diskBytes: 0.5 * GIB }

interface ToolUse {
  readonly tool: string
  readonly purpose: string
  readonly package: string
  /** Where it is needed at all. */
  readonly isNeeded?: (facts: HostFacts) => boolean
}

/** Debian's packages: other distributions name some differently. */
const toolUses = (architecture: string): readonly ToolUse[] => [
  {
    tool: `qemu-system-${architecture}`,
    purpose: "runs virtual machines",
    package: { x86_64: "qemu-system-x86", aarch64: "qemu-system-arm" }[architecture] ?? "qemu-system",
  },
  { tool: "bwrap", purpose: "confines domains", package: "bubblewrap" },
  { tool: "unshare", purpose: "makes namespaces", package: "util-linux" },
  { tool: "setpriv", purpose: "changes accounts", package: "util-linux" },
  {
    tool: "newuidmap",
    purpose: "gives domains accounts of their own",
    package: "uidmap",
    isNeeded: (facts) => facts.uid !== 0,
  },
  { tool: "find", purpose: "notices altered images", package: "findutils" },
  { tool: "fsck.erofs", purpose: "extracts images for level process", package: "erofs-utils" },
  { tool: "mkfs.erofs", purpose: "builds images", package: "erofs-utils" },
  { tool: "mmdebstrap", purpose: "resolves and verifies packages", package: "mmdebstrap" },
]

export function interpretTools(facts: HostFacts): Finding[] {
  const uses = toolUses(facts.architecture).filter((use) => use.isNeeded?.(facts) ?? true)
  return uses.map(({ tool, purpose, package: name }): Finding => {
    const version = facts.tools[tool]
    const meaning = `It ${purpose}.`
    if (version !== undefined) return { name: tool, state: "ok", found: version, meaning }
    return {
      name: tool,
      state: "missing",
      found: "not installed",
      meaning,
      fix: `sudo apt-get install ${name}`,
    }
  })
}

const gib = (byteCount: number) => `${(byteCount / GIB).toFixed(1)} GiB`

function roomState(byteCount: number, least: number, comfortable: number): Finding["state"] {
  if (byteCount < least) return "missing"
  return byteCount < comfortable ? "limited" : "ok"
}

export function interpretMemory({ meminfo }: HostFacts): Finding {
  const bytesOf = (title: string) => {
    const kibibytes = new RegExp(`^${title}:\\s+(\\d+) kB$`, "m").exec(meminfo)?.[1]
    return Number(kibibytes ?? 0) * 1024
  }
  const available = bytesOf("MemAvailable")
  const state = roomState(available, LEAST.memoryBytes, COMFORTABLE.memoryBytes)
  return {
    name: "memory",
    state,
    found: `${gib(available)} available of ${gib(bytesOf("MemTotal"))}`,
    meaning: state === "ok" ? "There is room for domains." : "There is room for few domains or none.",
    ...(state !== "ok" && { fix: "end other programs, or give instances less memory" }),
  }
}

export function interpretDisks({ disks }: HostFacts): Finding[] {
  return disks.map(({ what, path, freeBytes }): Finding => {
    const state = roomState(freeBytes, LEAST.diskBytes, COMFORTABLE.diskBytes)
    return {
      name: `disk for ${what}`,
      state,
      found: `${gib(freeBytes)} free at ${path}`,
      meaning: state === "ok" ? "There is room for images." : "There is room for few images or none.",
      ...(state !== "ok" && { fix: "run skerry gc, or make room on that disk" }),
    }
  })
}
