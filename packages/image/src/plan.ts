import type { ApplicationName, Digest, System } from "@skerry/model"
import { canonicalJson } from "./canonical.ts"
import type { Lock, LockedPackage, LockSection, PackageRequest } from "./lock.ts"
import {
  applicationKey,
  baseKey,
  baseRequest,
  bootKey,
  type GuestProgramDigests,
  isBasePackage,
  isKernel,
  requestOf,
} from "./recipe.ts"

/** "base", or "application NAME": whose packages. */
export type SectionName = "base" | `application ${string}`

export interface Resolution {
  readonly section: SectionName
  readonly request: PackageRequest
}

/** What must be asked of the package source because the lock does not say it, or on request. Pure. */
export function planResolution(
  system: System,
  lock: Lock | undefined,
  update: boolean,
): readonly Resolution[] {
  const isStale = (section: LockSection | undefined, request: PackageRequest) =>
    update || section === undefined || canonicalJson(section.request) !== canonicalJson(request)
  const base = baseRequest(baseMirror(system))
  const applications = Object.entries(system.applications).flatMap(([name, application]): Resolution[] => {
    const request = requestOf(application.source)
    return isStale(lock?.applications[name], request) ? [{ section: `application ${name}`, request }] : []
  })
  return [
    ...(isStale(lock?.base, base) ? [{ section: "base" as const, request: base }] : []),
    ...applications,
  ]
}

/** The mirror chosen for an application of the base's suite serves the base too. */
function baseMirror(system: System): string {
  const { suite } = baseRequest("host")
  const sources = Object.values(system.applications).map((application) => application.source)
  return sources.find((source) => source.suite === suite)?.mirror ?? "host"
}

export type BuildStep =
  | {
      readonly kind: "download"
      readonly request: PackageRequest
      readonly packages: readonly LockedPackage[]
    }
  | {
      readonly kind: "boot"
      readonly key: Digest
      readonly kernel: LockedPackage
      readonly busybox: LockedPackage
    }
  | { readonly kind: "base"; readonly key: Digest; readonly packages: readonly LockedPackage[] }
  | {
      readonly kind: "application"
      readonly key: Digest
      readonly name: ApplicationName
      readonly packages: readonly LockedPackage[]
    }

export interface BuildPlan {
  readonly steps: readonly BuildStep[]
  /** What each part of the images is found under, when the steps have been carried out. */
  readonly keys: {
    readonly boot: Digest
    readonly base: Digest
    readonly applications: ReadonlyMap<ApplicationName, Digest>
  }
  /** An estimate of the room that the steps take while they work: files twice over, and what a package unpacks to. */
  readonly neededBytes: number
}

/** The most that Debian packages unpack to, and how often the unpacked files exist at once. */
const UNPACKED = { factor: 4.5, copies: 3 } as const

/**
 * What is to be made: everything whose key is not in `present`. The base comes before the applications, whose layers leave
 * out what it has. Pure.
 */
export function planBuild(
  system: System,
  lock: Lock,
  programs: GuestProgramDigests,
  present: ReadonlySet<Digest>,
): BuildPlan {
  const applications = Object.entries(system.applications).sort(([a], [b]) => (a < b ? -1 : 1))
  const keys = {
    boot: bootKey(lock, programs),
    base: baseKey(lock, programs),
    applications: new Map(
      applications.map(
        ([name, { source }]) => [name as ApplicationName, applicationKey(lock, name, source)] as const,
      ),
    ),
  }
  const used = lock.base.packages.filter(isBasePackage)
  const kernel = used.find(isKernel)
  const busybox = used.find((item) => item.name === "busybox-static")
  const steps: BuildStep[] = []
  if (!present.has(keys.boot) && kernel !== undefined && busybox !== undefined) {
    steps.push({ kind: "boot", key: keys.boot, kernel, busybox })
  }
  if (!present.has(keys.base)) {
    steps.push({ kind: "base", key: keys.base, packages: used.filter((item) => !isKernel(item)) })
  }
  for (const [name, key] of keys.applications) {
    if (present.has(key)) continue
    steps.push({ kind: "application", key, name, packages: lock.applications[name]?.packages ?? [] })
  }
  const downloads = steps.flatMap((step) => downloadFor(step, lock))
  const sizes = steps.flatMap((step) => packagesOf(step)).map((item) => item.size)
  return {
    steps: [...downloads, ...steps],
    keys,
    neededBytes: sizes.reduce((sum, size) => sum + size * (1 + UNPACKED.factor * UNPACKED.copies), 0),
  }
}

function packagesOf(step: BuildStep): readonly LockedPackage[] {
  return step.kind === "boot" ? [step.kernel, step.busybox] : step.packages
}

function downloadFor(step: BuildStep, lock: Lock): readonly BuildStep[] {
  const section = step.kind === "application" ? lock.applications[step.name] : lock.base
  return section === undefined
    ? []
    : [{ kind: "download", request: section.request, packages: packagesOf(step) }]
}
