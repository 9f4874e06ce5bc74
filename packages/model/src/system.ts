import type { ApplicationName, InstanceName, ResourceName, TreeName } from "./names.ts"

/** How strongly a domain is kept apart: `vm` has a kernel of its own, `process` shares the host's. */
export type Level = "vm" | "process"

/** Counts the shapes of System that were built into generations: one of another shape has to be built again. */
export const SYSTEM_VERSION = 2

/** The complete, normalised configuration: every field present, nothing downstream has defaults. */
export interface System {
  readonly version: typeof SYSTEM_VERSION
  readonly applications: Readonly<Record<ApplicationName, Application>>
  readonly resources: Readonly<Record<ResourceName, Resource>>
  readonly instances: Readonly<Record<InstanceName, Instance>>
  readonly settings: Settings
}

/** What to run; says nothing of permissions. */
export interface Application {
  readonly source: PackageSourceSpec
  /** Run by `skerry run NAME` where no command is given; argv[0] is looked up in PATH. */
  readonly command: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  /** Who runs the command in the domain: `user` (uid 1000) or `root`. */
  readonly user: "user" | "root"
  readonly workingDirectory: string
}

export type PackageSourceSpec = DebianSourceSpec

export interface DebianSourceSpec {
  readonly kind: "debian"
  readonly suite: string
  /** A URL, or "host" for the mirror that the host's own apt uses for this suite. */
  readonly mirror: string
  readonly components: readonly string[]
  readonly packages: readonly string[]
  /** Keep /usr/share/{doc,man,info}. */
  readonly documentation: boolean
  /** Locales kept under /usr/share/locale, such as "de"; none by default. */
  readonly locales: readonly string[]
}

/** Something that can be granted. */
export type Resource = ServiceResource | DirectoryResource

/** Files: a tree of the state store, or a directory of this machine. */
export interface DirectoryResource {
  readonly kind: "directory"
  readonly origin:
    | { readonly kind: "state"; readonly tree: TreeName; readonly quotaMiB: number | null }
    /** Absolute, or beginning with "~/". */
    | { readonly kind: "host"; readonly path: string }
  /** What a grant gives where it says nothing else. */
  readonly access: "read" | "write"
  /** Where it appears in the instance, absolute, where the grant says nothing else. */
  readonly at: string
}

/** A service elsewhere: who has it granted may call it. Compiles to rules of the policy. */
export interface ServiceResource {
  readonly kind: "service"
  readonly service: string
  /** `*` for any, or "+" and the argument. */
  readonly argument: string
  /** An instance, `@dispvm`, `@dispvm:INSTANCE` or `@adminvm`. */
  readonly target: string
  readonly verdict: "ask" | "allow"
}

/** One resource given to one instance. */
export interface Grant {
  readonly resource: ResourceName
  /** Where a directory appears in the instance: absolute, and not below another one's place. Null: it is a service. */
  readonly at: string | null
  /** What may be done with a directory; null: it is a service. */
  readonly access: "read" | "write" | null
}

/** A named pairing of one application with the resources granted to it. */
export interface Instance {
  readonly application: ApplicationName
  readonly grants: readonly Grant[]
  /** The least isolation that the instance accepts; Skerry never silently gives less. */
  readonly isolation: Level
  readonly memoryMiB: number
  readonly vcpus: number
  /** The most processes (threads counted) that the host allows the domain's processes. */
  readonly processes: number
  /** 1–10000, 100 is an ordinary share of the processor (cgroup v2's cpu.weight). */
  readonly cpuWeight: number
  /** For rules of the policy: `@tag:TAG`. */
  readonly tags: readonly string[]
  /** May other domains have disposables of it made? */
  readonly disposableTemplate: boolean
  /** What `@dispvm` means for its domains; null: what settings say. */
  readonly defaultDisposable: InstanceName | null
}

export interface Settings {
  readonly standby: {
    /** Paused clones kept ready per recently used image; 0 turns the pool off. */
    readonly perImage: number
    /** Bound on the memory of all paused clones together. */
    readonly memoryMiB: number
  }
  readonly limits: {
    /** Domains that may exist at once; more are refused. */
    readonly domains: number
    /** Domains that may be starting at once; more wait in line. */
    readonly startsAtOnce: number
    /** Requests that may wait for a start; more are refused. */
    readonly startsWaiting: number
  }
  /** What `@dispvm` means; null: nothing, where an instance does not say. */
  readonly defaultDisposable: InstanceName | null
  readonly calls: CallSettings
  readonly state: StateSettings
}

/** What is kept in the state store, and where its server runs. */
export interface StateSettings {
  /** Where the file server of the state store runs: in a sandboxed process, or in a machine of its own. */
  readonly server: "process" | "vm"
  /** How often a running domain's trees are kept as versions; 0: never. */
  readonly snapshotMinutes: number
  readonly keep: KeepRule
  /** What all of the store may take on disk; null: what the disk has. */
  readonly limitMiB: number | null
}

/** How many of the newest versions of each kind are kept; 0 keeps none for that reason. */
export interface KeepRule {
  readonly last: number
  readonly hourly: number
  readonly daily: number
  readonly weekly: number
  readonly monthly: number
  readonly yearly: number
}

/** Bounds of calls between domains, each for one calling domain. */
export interface CallSettings {
  /** Calls open at once; more are refused. */
  readonly atOnce: number
  /** New calls, sustained; more are refused. */
  readonly perSecond: number
  /** New calls at one time, after a quiet while. */
  readonly burst: number
  /** How long a prompt waits for its answer; then the call is refused. */
  readonly promptSeconds: number
  /** Calls made because of calls, in a row. */
  readonly depth: number
}
