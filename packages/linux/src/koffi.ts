import { existsSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"

/** The little that is used of koffi's native module. */
export interface Koffi {
  load(library: null): Library
  errno(): number
  address(buffer: Uint8Array): bigint
}

export interface Library {
  func(prototype: string): (...args: unknown[]) => number
}

/**
 * Loads the native module alone: koffi's JavaScript only finds it and adds deprecated names. In a domain the module
 * lies next to the agent, without any package around it.
 */
export function loadKoffi(nativePath: string): Koffi {
  const module: { exports: unknown } = { exports: {} }
  process.dlopen(module, nativePath)
  return module.exports as Koffi
}

/** By process.arch: package and folder of the native module. */
const NATIVE: Readonly<Record<string, { readonly package: string; readonly folder: string }>> = {
  x64: { package: "@koromix/koffi-linux-x64", folder: "linux_x64" },
  arm64: { package: "@koromix/koffi-linux-arm64", folder: "linux_arm64" },
  ppc64: { package: "@koromix/koffi-linux-ppc64", folder: "linux_ppc64le" },
}

/** The installed native module, looked up from `from` (a source file or a bundle) as Node looks up packages. */
export function findKoffi(from: string): string {
  const native = NATIVE[process.arch]
  if (native === undefined) throw new Error(`Cannot call Linux: no koffi is known for ${process.arch}`)
  const found = findInstalled(from, native.package, `${native.folder}/koffi.node`)
  if (found === undefined) {
    throw new Error(
      `Cannot call Linux: ${native.package} is not installed above ${dirname(from)}; run npm ci`,
    )
  }
  return found
}

/** A file of an installed package, looked up from `from` as Node looks up packages; undefined: it is not there. */
export function findInstalled(from: string, packageName: string, file: string): string | undefined {
  const folders = createRequire(from).resolve.paths(packageName) ?? []
  return folders.map((folder) => join(folder, packageName, file)).find((candidate) => existsSync(candidate))
}
