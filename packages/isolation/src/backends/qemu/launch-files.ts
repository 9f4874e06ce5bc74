import { closeSync } from "node:fs"
import type { Linux } from "@skerry/linux"
import type { ImageFiles, Shape } from "../../backend.ts"
import { decompressKernel } from "./boot-kernel.ts"
import { type GuestSnapshot, newMemory } from "./template-store.ts"
import type { VerifiedFiles } from "./verified-files.ts"

/** What a QEMU inherits. To be disposed of as soon as it runs: it has its own descriptors then. */
export interface LaunchFiles extends Disposable {
  readonly memoryFd: number
  /** The device state of a clone, or the open kernel of a fresh boot. */
  readonly stateOrKernel: Buffer | number
  /** From descriptor 8 on. */
  readonly files: readonly number[]
  readonly layerBytes: readonly number[]
}

export interface LaunchFilesRequest {
  readonly linux: Linux
  readonly verified: VerifiedFiles
  readonly image: ImageFiles
  readonly shape: Shape
  /** A template's snapshot, a memory of the caller's to boot in, or undefined for one that ends with the domain. */
  readonly memory: GuestSnapshot | number | undefined
  /** A file for the guest to write to; stays the caller's. */
  readonly volume?: number | undefined
  readonly signal: AbortSignal
}

/** Fails with "image-altered" or "aborted"; nothing is open then. The caller may dispose of the snapshot meanwhile. */
export async function openLaunchFiles(request: LaunchFilesRequest): Promise<LaunchFiles> {
  const { linux, verified, image, memory, signal } = request
  using open = new DisposableStack()
  const memoryFd =
    typeof memory === "number"
      ? memory
      : open.adopt(
          memory === undefined ? newMemory(linux, request.shape.memoryMiB) : linux.duplicate(memory.memoryFd),
          closeSync,
        )
  const files: number[] = []
  const layerBytes: number[] = []
  let stateOrKernel: Buffer | number
  if (typeof memory === "object") {
    stateOrKernel = memory.deviceState
  } else {
    stateOrKernel = open.use(await decompressKernel(linux, verified, image, signal)).fd
    files.push(open.use(await verified.open(image.initramfs, image.name, signal)).fd)
  }
  for (const layer of image.layers) {
    const { fd, bytes } = open.use(await verified.open(layer, image.name, signal))
    files.push(fd)
    layerBytes.push(bytes)
  }
  if (request.volume !== undefined) files.push(request.volume)
  const held = open.move()
  return { memoryFd, stateOrKernel, files, layerBytes, [Symbol.dispose]: () => held.dispose() }
}
