/* An image and a backend for the tests of process isolation: the programs of this host, and a small agent. */
import { execFileSync } from "node:child_process"
import { createHash, randomBytes } from "node:crypto"
import { once } from "node:events"
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { createRequire } from "node:module"
import { machine, userInfo } from "node:os"
import { dirname, join } from "node:path"
import type { Duplex } from "node:stream"
import {
  Accounts,
  type Cgroups,
  type Domain,
  type ImageFile,
  type ImageFiles,
  type IsolationBackend,
  openBubblewrap,
  parseSubIds,
} from "@skerry/isolation"
import { openLinux } from "@skerry/linux"
import { parseDigest } from "@skerry/model"
import { build } from "esbuild"
import type { AgentRequest } from "./isolation-agent.ts"

export const TOOL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
export const SHAPE = { memoryMiB: 256, vcpus: 1 }
export const LIMITS = { processes: 100, cpuWeight: 100 }

/** Builds two layers in `folder`: one with Node, perl and busybox, one with the agent. */
export async function buildTestImage(folder: string): Promise<ImageFiles> {
  const base = join(folder, "base")
  for (const name of ["usr/lib/skerry", "usr/bin", "etc", "proc", "dev"])
    mkdirSync(join(base, name), { recursive: true })
  for (const name of ["bin", "lib", "lib64"]) symlinkSync(`usr/${name}`, join(base, name))
  installProgram(base, process.execPath, "usr/lib/skerry/node")
  installProgram(base, "/usr/bin/perl", "usr/bin/perl")
  installProgram(base, "/bin/busybox", "usr/bin/busybox")
  for (const name of ["sh", "cat", "ls", "id", "sleep", "ps", "touch", "hostname", "ip"]) {
    symlinkSync("busybox", join(base, "usr/bin", name))
  }
  writeFileSync(join(base, "usr/bin/foreign-door"), foreignDoor(), { mode: 0o755 })
  copyFileSync(koffiPath(), join(base, "usr/lib/skerry/koffi.node"))
  const application = join(folder, "application")
  mkdirSync(join(application, "usr/lib/skerry"), { recursive: true })
  const outfile = join(application, "usr/lib/skerry/agent.cjs")
  const entryPoints = [join(import.meta.dirname, "isolation-agent.ts")]
  await build({
    entryPoints,
    outfile: outfile.replace(".cjs", ".mjs"),
    bundle: true,
    platform: "node",
    format: "esm",
  })
  writeFileSync(outfile, 'import("/usr/lib/skerry/agent.mjs")\n')
  chmodSync(outfile, 0o644)
  const layers = [base, application].map(makeLayer)
  const [kernel] = layers
  if (kernel === undefined) throw new Error("no layers")
  const digest = parseDigest(`sha256:${createHash("sha256").update(JSON.stringify(layers)).digest("hex")}`)
  return { digest, name: "test", kernel, initramfs: kernel, layers }
}

function installProgram(root: string, from: string, to: string): void {
  copyFileSync(from, join(root, to))
  chmodSync(join(root, to), 0o755)
  let libraries = ""
  try {
    libraries = execFileSync("ldd", [from], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] })
  } catch {
    return // linked statically
  }
  for (const [, path = ""] of libraries.matchAll(/(\/\S+) \(0x/g)) {
    const target = join(root, "usr", path.replace(/^\/usr/, ""))
    mkdirSync(dirname(target), { recursive: true })
    if (!existsSync(target)) copyFileSync(path, target)
  }
}

/** A 64-bit program of two instructions: getpid by int 0x80, where 32-bit system calls come in, then a trap. */
function foreignDoor(): Buffer {
  const code = Buffer.from([0xb8, 20, 0, 0, 0, 0xcd, 0x80, 0x0f, 0x0b])
  const headerBytes = 64 + 56
  const base = 0x400000n
  const elf = Buffer.alloc(headerBytes + code.length)
  elf.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]) // ELF, 64 bits, little-endian, version 1
  elf.writeUInt16LE(2, 16) // ET_EXEC
  elf.writeUInt16LE(62, 18) // EM_X86_64
  elf.writeUInt32LE(1, 20)
  elf.writeBigUInt64LE(base + BigInt(headerBytes), 24) // entry
  elf.writeBigUInt64LE(64n, 32) // program headers
  elf.writeUInt16LE(64, 52)
  elf.writeUInt16LE(56, 54)
  elf.writeUInt16LE(1, 56)
  elf.writeUInt32LE(1, 64) // PT_LOAD
  elf.writeUInt32LE(5, 68) // readable, executable
  elf.writeBigUInt64LE(base, 80)
  elf.writeBigUInt64LE(base, 88)
  elf.writeBigUInt64LE(BigInt(elf.length), 96)
  elf.writeBigUInt64LE(BigInt(elf.length), 104)
  elf.writeBigUInt64LE(4096n, 112)
  elf.set(code, headerBytes)
  return elf
}

function koffiPath(): string {
  const require = createRequire(import.meta.url)
  const found = require.resolve(`@koromix/koffi-linux-${process.arch}/package.json`)
  return execFileSync("find", [dirname(found), "-path", "*/linux_*/koffi.node"], { encoding: "utf8" }).trim()
}

function makeLayer(tree: string): ImageFile {
  const path = `${tree}.erofs`
  execFileSync("mkfs.erofs", ["--quiet", "-E", "noinline_data", "-T0", "--all-root", path, tree], {
    stdio: "ignore",
  })
  const digest = createHash("sha256").update(readFileSync(path)).digest("hex")
  return { path, digest: parseDigest(`sha256:${digest}`) }
}

/** Whether an ordinary user can give domains accounts of their own. */
export function hasSubIds(): boolean {
  const { username, uid } = userInfo()
  return ["/etc/subuid", "/etc/subgid"].every((path) =>
    parseSubIds(readFileSync(path, "utf8"), username, uid),
  )
}

export function testAccounts(folder: string): Accounts {
  const linux = openLinux()
  const uid = process.getuid?.() ?? 0
  return new Accounts({
    uid,
    userName: userInfo().username,
    subuid: readFileSync("/etc/subuid", "utf8"),
    subgid: readFileSync("/etc/subgid", "utf8"),
    lockDirectory: join(folder, "locks"),
    tryLock: (fd) => linux.tryLock(fd),
  })
}

export function openTestBackend(options: {
  readonly cacheDirectory: string
  readonly cgroups: Cgroups
  readonly accounts: Accounts
}): Promise<IsolationBackend> {
  return openBubblewrap({
    ...options,
    bwrapPath: "bwrap",
    path: TOOL_PATH,
    linux: openLinux(),
    architecture: machine(),
    randomBytes,
  })
}

/** What a program inside printed, and its exit status or signal. */
export async function runInside(
  domain: Domain,
  ...argv: string[]
): Promise<{ output: string; status: string }> {
  return (await ask(domain.channel, { kind: "run", argv })) as { output: string; status: string }
}

/** Sends one request to the test agent; requests may not overlap. */
export async function ask(
  channel: Duplex,
  request: AgentRequest,
  signal = AbortSignal.timeout(20_000),
): Promise<unknown> {
  channel.write(`${JSON.stringify(request)}\n`)
  let text = ""
  channel.resume()
  while (!text.includes("\n")) text += String((await once(channel, "data", { signal }))[0])
  channel.pause()
  return JSON.parse(text)
}
