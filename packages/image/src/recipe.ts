import type { DebianSourceSpec, Digest } from "@skerry/model"
import { digestOf } from "./canonical.ts"
import type { Lock, LockedPackage, PackageRequest } from "./lock.ts"

/** Raised whenever the same lock gives other images than before; everything is then built anew. */
export const RECIPE_VERSION = 1

/** All files of all images carry this time (seconds since 1970), and maintainer scripts see it. */
export const IMAGE_TIME = 1_700_000_000

/** virtio-pmem wants regions of whole 2 MiB pages. */
export const LAYER_ALIGNMENT = 2 * 1024 * 1024

/** What `mkfs.erofs` writes as the file system's UUID: equal contents are equal bytes. */
export const LAYER_UUID = "5ee77900-0000-4000-8000-000000000001"

const BASE_PACKAGES = ["busybox-static", "libc6", "libgcc-s1", "libstdc++6", "linux-image-amd64"] as const

/** The base is the same for every application, so its suite is Skerry's choice, not an application's. */
export function baseRequest(mirror: string): PackageRequest {
  return { kind: "debian", suite: "bookworm", mirror, components: ["main"], packages: BASE_PACKAGES }
}

/** What of a base's closure is used: the named packages, and the kernel that linux-image-amd64 stands for. */
export function isBasePackage(item: LockedPackage): boolean {
  return (
    isKernel(item) || (item.name !== "linux-image-amd64" && BASE_PACKAGES.some((name) => name === item.name))
  )
}

export function isKernel(item: LockedPackage): boolean {
  return /^linux-image-[0-9]/.test(item.name)
}

export function requestOf(source: DebianSourceSpec): PackageRequest {
  return {
    kind: "debian",
    suite: source.suite,
    mirror: source.mirror,
    components: source.components,
    packages: sorted(new Set(source.packages)),
  }
}

/** The shared objects that Node and its add-on need, as paths in a merged /usr. */
export const BASE_LIBRARIES: Readonly<Record<string, readonly string[]>> = {
  libc6: [
    "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
    "usr/lib/x86_64-linux-gnu/libc.so.6",
    "usr/lib/x86_64-linux-gnu/libdl.so.2",
    "usr/lib/x86_64-linux-gnu/libm.so.6",
    "usr/lib/x86_64-linux-gnu/libpthread.so.0",
    "usr/lib64/ld-linux-x86-64.so.2",
  ],
  "libgcc-s1": ["usr/lib/x86_64-linux-gnu/libgcc_s.so.1"],
  "libstdc++6": ["usr/lib/x86_64-linux-gnu/libstdc++.so.6"],
}

/** The kernel modules of a domain, dependencies included; their order follows from their own declarations. */
export const MODULES = [
  "9p",
  "9pnet",
  "9pnet_fd",
  "crc32c_generic",
  "erofs",
  "fscache",
  "libcrc32c",
  "libnvdimm",
  "nd_btt",
  "nd_pmem",
  "nd_virtio",
  "netfs",
  "overlay",
  "virtio",
  "virtio-rng",
  "virtio_console",
  "virtio_mmio",
  "virtio_pci",
  "virtio_pci_legacy_dev",
  "virtio_pci_modern_dev",
  "virtio_pmem",
  "virtio_ring",
] as const

/** Besides, of a domain that has a volume: loaded there alone. */
export const VOLUME_MODULES = ["crc16", "ext4", "jbd2", "mbcache", "virtio_blk"] as const

/** Digests of what Skerry itself puts into the base. */
export interface GuestProgramDigests {
  readonly agent: Digest
  readonly fileServer: Digest
  readonly init: Digest
  readonly supervise: Digest
  readonly services: Digest
}

/** A component is named by everything that goes into it, so what is already built is found without building. */
export function bootKey(lock: Lock, programs: GuestProgramDigests): Digest {
  return digestOf({
    component: "boot",
    recipe: RECIPE_VERSION,
    packages: lock.base.packages
      .filter((item) => isKernel(item) || item.name === "busybox-static")
      .map((item) => item.sha256),
    modules: MODULES,
    volumeModules: VOLUME_MODULES,
    init: programs.init,
    fileServer: programs.fileServer,
    lmdb: lock.programs.lmdb,
  })
}

export function baseKey(lock: Lock, programs: GuestProgramDigests): Digest {
  return digestOf({
    component: "base",
    recipe: RECIPE_VERSION,
    packages: basePackageDigests(lock),
    programs: lock.programs,
    agent: programs.agent,
    supervise: programs.supervise,
    services: programs.services,
  })
}

/** Of the base only its packages count: an application's layer shares no file with the agent. */
export function applicationKey(lock: Lock, application: string, source: DebianSourceSpec): Digest {
  return digestOf({
    component: "application",
    recipe: RECIPE_VERSION,
    packages: lock.applications[application]?.packages.map((item) => item.sha256) ?? [],
    wanted: requestOf(source).packages,
    documentation: source.documentation,
    locales: sorted(source.locales),
    base: basePackageDigests(lock),
  })
}

function basePackageDigests(lock: Lock): readonly string[] {
  return lock.base.packages.filter((item) => !isKernel(item)).map((item) => item.sha256)
}

/** By code unit: the same on every machine. */
function sorted(texts: Iterable<string>): readonly string[] {
  return [...texts].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
}
