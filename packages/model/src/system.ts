import type { ApplicationName, InstanceName, ResourceName, TreeName } from "./names.ts"

/** How strongly a domain is kept apart: `vm` has a kernel of its own, `process` shares the host's. */
export type Level = "vm" | "process"

/** The complete, normalised configuration: every field present, nothing downstream has defaults. */
export interface System {
  readonly version: 1
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

/** A named pairing of one application with the resources granted to it. */
export interface Instance {
  readonly application: ApplicationName
  readonly grants: readonly ResourceName[]
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
