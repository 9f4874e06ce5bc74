import { ImageError } from "./errors.ts"

/** The compressed ELF kernel inside a bzImage, and how it is compressed. */
export interface KernelPayload {
  readonly compression: "xz" | "zstd"
  readonly bytes: Buffer
}

const MAGIC = { xz: "fd377a585a00", zstd: "28b52ffd" } as const

/**
 * The kernel's Documentation/arch/x86/boot.rst: `setup_sects` at 0x1f1 (0 means 4), "HdrS" at 0x202, the
 * protocol's version at 0x206, and from version 2.08 `payload_offset` and `payload_length` at 0x248, counted from
 * the end of the setup sectors.
 */
export function findPayload(bzImage: Buffer): KernelPayload {
  const bad = (what: string) =>
    new ImageError("bad-input", `Cannot take the kernel out of its image: ${what}`)
  if (bzImage.length < 0x250 || bzImage.toString("latin1", 0x202, 0x206) !== "HdrS")
    throw bad("it is no bzImage")
  if (bzImage.readUInt16LE(0x206) < 0x0208) throw bad("its boot protocol is older than 2.08")
  const setupSectors = bzImage.readUInt8(0x1f1) || 4
  const start = (setupSectors + 1) * 512 + bzImage.readUInt32LE(0x248)
  const end = start + bzImage.readUInt32LE(0x24c)
  if (end > bzImage.length || end <= start) throw bad("its payload lies outside of it")
  const bytes = bzImage.subarray(start, end)
  for (const compression of ["xz", "zstd"] as const) {
    const magic = Buffer.from(MAGIC[compression], "hex")
    // The last four bytes are the uncompressed length, not part of the compressed stream.
    if (bytes.subarray(0, magic.length).equals(magic)) return { compression, bytes: bytes.subarray(0, -4) }
  }
  throw bad(`its compression is unknown (it begins with ${bytes.toString("hex", 0, 6)})`)
}

/** Throws unless `bytes` begin like a 64-bit ELF file for x86. */
export function checkKernelElf(bytes: Buffer): void {
  const isElf = bytes.length > 64 && bytes.readUInt32BE(0) === 0x7f454c46
  if (!isElf || bytes[4] !== 2 || bytes.readUInt16LE(18) !== 62) {
    throw new ImageError("bad-input", "Cannot use the unpacked kernel: it is no ELF file for x86-64")
  }
}
