import type { Duplex } from "node:stream"
import type { Digest, DomainId, Level } from "@skerry/model"

export type BackendName = "qemu" | "bubblewrap" | "fake"

export type IsolationErrorCode =
  | "unusable" // this host cannot run the backend; the message says how to mend it
  | "spawn-failed" // a process of the backend could not be started
  | "boot-timeout" // the domain's agent did not answer in time, also after the retries
  | "boot-failed" // the domain ended (or its kernel panicked) before its agent answered
  | "image-altered" // an image or template on disk is not what its digest says
  | "cache-unwritable" // a template cannot be kept: no room, or no right to write
  | "out-of-accounts" // every uid of the reserved range is in use
  | "aborted"

export class IsolationError extends Error {
  override readonly name = "IsolationError"
  readonly code: IsolationErrorCode
  constructor(code: IsolationErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** The files of one bootable image, all read-only and named by digest in the cache. */
export interface ImageFiles {
  /** Digest over everything below: what a template and a running domain are recorded under. */
  readonly digest: Digest
  /** For messages: the application's name, or "base". */
  readonly name: string
  /** Linux kernel ELF, zstd-compressed. */
  readonly kernel: ImageFile
  /** cpio newc archive with the guest's modules and its /init. */
  readonly initramfs: ImageFile
  /** Erofs layers, lowest first: the base, then the application's own. Each is padded to 2 MiB. */
  readonly layers: readonly ImageFile[]
}

export interface ImageFile {
  readonly path: string
  readonly digest: Digest
}

/** The front end of a domain; template and clone must agree on all of it (DESIGN fact 5). */
export interface Shape {
  readonly memoryMiB: number
  readonly vcpus: number
}

/** Bounds that the host puts on one domain's processes. */
export interface Limits {
  readonly processes: number
  readonly cpuWeight: number
}

export interface StartRequest {
  readonly id: DomainId
  readonly limits: Limits
  /** Receives what the domain prints on its console, untrusted, in pieces of at most 4 KiB. */
  readonly onConsole: (untrustedText: string) => void
}

export interface BootRequest extends StartRequest {
  /**
   * A descriptor of a file with an ext4 file system, which the domain finds at /var/lib/skerry and may write to. It is
   * duplicated, and stays the caller's. Only where `features.ports`.
   */
  readonly volume?: number
}

/** Something from which domains of one image and shape start as fast as the backend can. */
export interface Template extends AsyncDisposable {
  readonly image: Digest
  readonly shape: Shape
}

export type DomainExit =
  | { readonly kind: "stopped" } // the domain was disposed of
  | { readonly kind: "powered-off" } // the guest ended itself
  | { readonly kind: "killed"; readonly signal: string } // by someone else, or by a memory limit
  | { readonly kind: "failed"; readonly message: string } // the backend's process reported an error

/** A running domain. Disposing of it kills it and waits for `exited`. */
export interface Domain extends AsyncDisposable {
  readonly id: DomainId
  /** Bytes to and from the agent; owned by the domain, destroyed with it. Everything read is untrusted. */
  readonly channel: Duplex
  /**
   * Hands host pipes to the agent, in order with nothing on `channel`, as one message whose bytes are the label (u32,
   * little-endian); only where `features.descriptors`.
   */
  readonly sendDescriptors?: (descriptors: readonly number[], label: number) => void
  /**
   * Adds a port to a running machine, joined to a stream socket, which the domain takes over whether this succeeds or
   * not. The guest finds it by its name (1–63 of a–z, 0–9, "." and "-"). Only where `features.ports`.
   */
  readonly addPort?: (name: string, fd: number) => Promise<void>
  /** The port is gone when this resolves, its socket closed; unknown names are gone already. */
  readonly removePort?: (name: string) => Promise<void>
  /** Host processes of this domain, for `skerry ps`, for accounting and for tests. */
  readonly processes: DomainProcesses
  /** Settles exactly once, never rejects, after every host resource of the domain has been released. */
  readonly exited: Promise<DomainExit>
  /** Stops the domain's clock and processors; no effect on a paused one. */
  pause(): Promise<void>
  /** The agent must be told the time before anything else is asked of it. */
  resume(): Promise<void>
}

export interface DomainProcesses {
  /** The process that runs guest code (QEMU, or the first process inside bubblewrap). */
  readonly pid: number
  /** The host account it runs under. */
  readonly uid: number
  /** The cgroup paths that hold it, empty where the host allows none. */
  readonly cgroups: readonly string[]
}

/**
 * A provider of isolation. All methods may be called concurrently. An aborted signal rejects with code
 * "aborted" and leaves no process, mount, cgroup or file behind, like every other failure.
 */
export interface IsolationBackend extends AsyncDisposable {
  readonly name: BackendName
  readonly level: Level
  /** What this backend can do on this host, established once when it was opened. */
  readonly features: {
    /** "kvm" or "tcg" for machines, "namespaces" for processes. */
    readonly acceleration: "kvm" | "tcg" | "namespaces"
    /** Templates hold a booted guest, so that start() is much faster than boot(). */
    readonly snapshots: boolean
    /** Domains accept host file descriptors. */
    readonly descriptors: boolean
    /** Ports can be added to running domains. */
    readonly ports: boolean
  }
  /**
   * Makes start() fast for this image and shape: verifies the files and loads or makes a template.
   * Fails with "image-altered", "boot-timeout", "boot-failed", "spawn-failed", "cache-unwritable".
   */
  prepare(image: ImageFiles, shape: Shape, signal: AbortSignal): Promise<Template>
  /** Starts a domain from a template of this backend. The agent may not have answered yet. */
  start(template: Template, request: StartRequest, signal: AbortSignal): Promise<Domain>
  /** Starts a domain the long way, without a template: the yardstick that start() is measured against. */
  boot(image: ImageFiles, shape: Shape, request: BootRequest, signal: AbortSignal): Promise<Domain>
}

/**
 * Resolves when the agent at the other end of a fresh channel has answered; rejects if it breaks the protocol.
 * Backends that make templates get it passed in, so that isolation/ knows nothing of rpc/.
 */
export type AwaitAgent = (channel: Duplex, signal: AbortSignal) => Promise<void>
