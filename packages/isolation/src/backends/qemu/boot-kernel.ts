import { closeSync, writeSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { promisify } from "node:util"
import { zstdDecompress } from "node:zlib"
import type { Linux } from "@skerry/linux"
import type { ImageFiles } from "../../backend.ts"
import type { VerifiedFile, VerifiedFiles } from "./verified-files.ts"

const decompress = promisify(zstdDecompress)

/** The kernel's ELF in a memory file that the caller owns: QEMU boots it without decompressing it under emulation. */
export async function decompressKernel(
  linux: Linux,
  verified: VerifiedFiles,
  image: ImageFiles,
  signal: AbortSignal,
): Promise<VerifiedFile> {
  using file = await verified.open(image.kernel, image.name, signal)
  const elf = await decompress(await readFile(`/proc/self/fd/${file.fd}`))
  const fd = linux.memfdCreate("skerry-kernel")
  for (let at = 0; at < elf.length; ) at += writeSync(fd, elf, at)
  return { fd, bytes: elf.length, [Symbol.dispose]: () => closeSync(fd) }
}
