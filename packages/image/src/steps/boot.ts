import { readdir, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"
import { constants, zstdCompress, zstdDecompress } from "node:zlib"
import { type CpioEntry, writeCpio } from "../cpio.ts"
import { unpackDeb } from "../deb.ts"
import { ImageError } from "../errors.ts"
import { checkKernelElf, findPayload, type KernelPayload } from "../kernel.ts"
import { moduleOrder, parseBuiltIn, parseModinfo, spelled } from "../modules.ts"
import { MODULES, VOLUME_MODULES } from "../recipe.ts"
import { strippedProgram } from "../stripped.ts"
import { runTool } from "../tool.ts"

const compress = promisify(zstdCompress)
const decompress = promisify(zstdDecompress)

/** The programs that /init calls by name. */
const APPLETS = [
  "cat",
  "chown",
  "cp",
  "insmod",
  "ip",
  "ln",
  "mkdir",
  "mount",
  "poweroff",
  "sh",
  "switch_root",
  "usleep",
]
const DIRECTORIES = ["bin", "dev", "layers", "modules", "overlay", "proc", "root", "server", "sys"]

export interface BootSources {
  /** The kernel's package. */
  readonly kernelDeb: string
  readonly busyboxDeb: string
  readonly init: Uint8Array
  /** The file server and its native module, for the machine that has a volume: here they are compressed. */
  readonly fileServer: Uint8Array
  readonly lmdb: string
}

/** Makes the kernel and the initramfs in `work`, an empty directory of the caller's. */
export async function makeBoot(
  sources: BootSources,
  work: string,
  signal: AbortSignal,
): Promise<{ readonly kernel: string; readonly initramfs: string }> {
  const unpacked = join(work, "linux")
  await unpackDeb(sources.kernelDeb, unpacked, signal)
  await unpackDeb(sources.busyboxDeb, join(work, "busybox"), signal)
  const [kernel, initramfs] = await Promise.all([
    makeKernel(unpacked, work, signal),
    makeInitramfs(sources, unpacked, work, signal),
  ])
  return { kernel, initramfs }
}

async function makeKernel(unpacked: string, work: string, signal: AbortSignal): Promise<string> {
  const boot = join(unpacked, "boot")
  const payload = findPayload(await readFile(join(boot, await onlyName(boot, /^vmlinuz-/))))
  const elf = await decompressPayload(payload, work, signal)
  checkKernelElf(elf)
  // Kept compressed: it is read only when a template is made, and a quarter of its size counts for every host.
  return await writeCompressed(join(work, "kernel.zst"), elf)
}

async function decompressPayload(payload: KernelPayload, work: string, signal: AbortSignal): Promise<Buffer> {
  switch (payload.compression) {
    case "zstd":
      return await decompress(payload.bytes)
    case "xz": {
      const compressed = join(work, "vmlinux.xz")
      const path = join(work, "vmlinux")
      await writeFile(compressed, payload.bytes)
      await runTool("unpack the kernel", "xz", ["--decompress", "--", compressed], { signal })
      return await readFile(path)
    }
  }
}

async function makeInitramfs(
  sources: BootSources,
  unpacked: string,
  work: string,
  signal: AbortSignal,
): Promise<string> {
  const lmdb = await strippedProgram(sources.lmdb, work, signal)
  const release = join(unpacked, "lib/modules", await onlyName(join(unpacked, "lib/modules"), /./))
  const files = await findModules(join(release, "kernel"))
  const order = moduleOrder(
    files.map(({ file, bytes }) => parseModinfo(file, bytes)),
    parseBuiltIn(await readFile(join(release, "modules.builtin"), "utf8")),
  )
  const contents = new Map(files.map(({ file, bytes }) => [parseModinfo(file, bytes).name, bytes]))
  const entries: CpioEntry[] = [
    ...DIRECTORIES.map((path): CpioEntry => ({ kind: "directory", path })),
    { kind: "file", path: "bin/busybox", bytes: await busyboxOf(work), executable: true },
    ...APPLETS.map((name): CpioEntry => ({ kind: "symlink", path: `bin/${name}`, target: "busybox" })),
    ...order.map((name): CpioEntry => {
      const bytes = contents.get(name) ?? Buffer.alloc(0)
      return { kind: "file", path: `modules/${name}.ko`, bytes, executable: false }
    }),
    { kind: "file", path: "server/files.cjs", bytes: Buffer.from(sources.fileServer), executable: false },
    { kind: "file", path: "server/lmdb.node", bytes: lmdb, executable: false },
    moduleList("list", order, MODULES),
    moduleList("volume-list", order, VOLUME_MODULES),
    { kind: "file", path: "init", bytes: sources.init, executable: true },
  ]
  return await writeCompressed(join(work, "initramfs"), writeCpio(entries))
}

/** Which modules init loads together, one after the other. */
function moduleList(name: string, order: readonly string[], wanted: readonly string[]): CpioEntry {
  const names = new Set(wanted.map(spelled))
  const lines = order.filter((module) => names.has(module)).map((module) => `${module}.ko\n`)
  return { kind: "file", path: `modules/${name}`, bytes: Buffer.from(lines.join("")), executable: false }
}

/** Every module of the recipe, found by its file's name. */
async function findModules(directory: string): Promise<readonly { file: string; bytes: Buffer }[]> {
  const paths = (await readdir(directory, { recursive: true })).sort()
  return await Promise.all(
    [...MODULES, ...VOLUME_MODULES].map(async (name) => {
      const path = paths.find((path) => path.endsWith(`/${name}.ko`))
      if (path === undefined)
        throw new ImageError("bad-input", `Cannot find module ${name} in the kernel's package`)
      return { file: `${name}.ko`, bytes: await readFile(join(directory, path)) }
    }),
  )
}

/** The static busybox, from its package unpacked in `work`. */
async function busyboxOf(work: string): Promise<Buffer> {
  return await readFile(join(work, "busybox/bin/busybox")).catch(
    async () => await readFile(join(work, "busybox/usr/bin/busybox")),
  )
}

async function onlyName(directory: string, pattern: RegExp): Promise<string> {
  const names = (await readdir(directory)).filter((name) => pattern.test(name))
  const [name] = names
  if (name === undefined || names.length !== 1) {
    throw new ImageError(
      "bad-input",
      `Cannot use the kernel's package: ${names.length} files where 1 is expected`,
    )
  }
  return name
}

async function writeCompressed(path: string, bytes: Uint8Array): Promise<string> {
  const params = { [constants.ZSTD_c_compressionLevel]: 19, [constants.ZSTD_c_checksumFlag]: 1 }
  await writeFile(path, await compress(bytes, { params, pledgedSrcSize: bytes.length }))
  return path
}
