import { rm } from "node:fs/promises"
import { join } from "node:path"
import { type HostPaths, type OnProgress, type System, unreachable } from "@skerry/model"
import { packagePath } from "./debian/fetch.ts"
import type { GuestPrograms } from "./guest-programs.ts"
import type { LockedPackage } from "./lock.ts"
import type { PackageSource } from "./package-source.ts"
import type { BuildPlan, BuildStep } from "./plan.ts"
import { makeApplication } from "./steps/application.ts"
import { makeBase } from "./steps/base.ts"
import { makeBoot } from "./steps/boot.ts"
import type { Component, ImageStore } from "./store/image-store.ts"
import type { WorkSpace } from "./work-space.ts"

export interface CarryOutOptions {
  readonly paths: HostPaths
  readonly uid: number
  readonly system: System
  readonly programs: GuestPrograms
  readonly source: PackageSource
  readonly onProgress: OnProgress
  readonly onCheckpoint: (name: string) => void
  readonly signal: AbortSignal
}

type MakingStep = Exclude<BuildStep, { kind: "download" }>

/** Carries out the steps of a plan; what a step makes is in the store before the next one begins. */
export async function carryOut(
  plan: BuildPlan,
  options: CarryOutOptions,
  store: ImageStore,
  space: WorkSpace,
): Promise<void> {
  await download(plan, options)
  const making = plan.steps.filter((step) => step.kind !== "download")
  const make = async (step: MakingStep) => {
    const label = labelOf(step)
    options.onProgress({ kind: "begin", step: label, label, unit: "items" })
    await store.record(step.key, await makeComponent(step, plan, options, store, space))
    options.onCheckpoint(label)
    options.onProgress({ kind: "end", step: label })
  }
  // Compressing the kernel keeps one core busy, installing packages mostly the disk: they go on together. All have
  // ended before an error is passed on, so that nothing writes into a work space that is being removed.
  const results = await Promise.allSettled([
    inTurn(
      making.filter((step) => step.kind === "boot"),
      make,
    ),
    inTurn(
      making.filter((step) => step.kind !== "boot"),
      make,
    ),
  ])
  for (const result of results) if (result.status === "rejected") throw result.reason
}

async function inTurn(
  steps: readonly MakingStep[],
  make: (step: MakingStep) => Promise<void>,
): Promise<void> {
  for (const step of steps) await make(step)
}

function labelOf(step: MakingStep): string {
  switch (step.kind) {
    case "boot":
      return "Making the kernel image"
    case "base":
      return "Making the base layer"
    case "application":
      return `Making the layer of "${step.name}"`
    default:
      return unreachable(step)
  }
}

async function download(plan: BuildPlan, options: CarryOutOptions): Promise<void> {
  const downloads = plan.steps.filter((step) => step.kind === "download")
  const total = downloads.reduce((sum, step) => sum + sizeOf(step.packages), 0)
  if (total === 0) return
  const { onProgress, signal } = options
  onProgress({ kind: "begin", step: "download", label: "Downloading packages", total, unit: "bytes" })
  let before = 0
  for (const step of downloads) {
    await options.source.fetch(step.request, step.packages, {
      directory: packagesDirectory(options),
      onBytes: (done) => onProgress({ kind: "advance", step: "download", done: before + done }),
      signal,
    })
    before += sizeOf(step.packages)
  }
  options.onCheckpoint("download")
  onProgress({ kind: "end", step: "download" })
}

async function makeComponent(
  step: MakingStep,
  plan: BuildPlan,
  options: CarryOutOptions,
  store: ImageStore,
  space: WorkSpace,
): Promise<Component> {
  const { programs, signal } = options
  const debOf = (item: LockedPackage) => packagePath(packagesDirectory(options), item)
  const work = await space.directory(step.kind === "application" ? `application-${step.name}` : step.kind)
  switch (step.kind) {
    case "boot": {
      const sources = { ...programs, kernelDeb: debOf(step.kernel), busyboxDeb: debOf(step.busybox) }
      const made = await makeBoot(sources, work, signal)
      const kernel = await store.take(made.kernel, "kernel.zst")
      return { kind: "boot", kernel, initramfs: await store.take(made.initramfs, "initramfs") }
    }
    case "base": {
      const debs = new Map(step.packages.map((item) => [item.name, debOf(item)]))
      const made = await makeBase({ ...programs, debs }, work, signal)
      return { kind: "base", layer: await store.take(made.layer, "erofs"), manifest: made.manifest }
    }
    case "application": {
      const { source } = options.system.applications[step.name] ?? {}
      const base = await store.component(plan.keys.base)
      if (source === undefined || base?.kind !== "base")
        throw new Error(`The plan has no base for ${step.name}`)
      const shared = await space.sharedDirectory(step.name)
      const layer = await makeApplication(
        {
          name: step.name,
          packages: step.packages.map((item) => [item, debOf(item)]),
          wanted: source.packages,
          documentation: source.documentation,
          locales: source.locales,
          below: base.manifest,
        },
        { directory: work, shared, uid: options.uid, signal },
      )
      const component = { kind: "application", layer: await store.take(layer, "erofs") } as const
      // The next application needs the room.
      await rm(work, { recursive: true })
      await rm(shared, { recursive: true })
      return component
    }
    default:
      return unreachable(step)
  }
}

function packagesDirectory(options: CarryOutOptions): string {
  return join(options.paths.cache, "packages")
}

function sizeOf(packages: readonly LockedPackage[]): number {
  return packages.reduce((sum, item) => sum + item.size, 0)
}
