import { lstat, readFile, readlink } from "node:fs/promises"
import { dirname, join } from "node:path"
import { unpackDeb } from "../deb.ts"
import { packLayer } from "../erofs.ts"
import { ImageError } from "../errors.ts"
import type { ServicePrograms } from "../guest-programs.ts"
import { BASE_LIBRARIES } from "../recipe.ts"
import { strippedProgram } from "../stripped.ts"
import { listTree, type Manifest, manifestOf, placeDirectory, placeFile, placeLink } from "../tree.ts"

export interface BaseSources {
  /** Paths of the packages, by name. */
  readonly debs: ReadonlyMap<string, string>
  readonly node: string
  readonly koffi: string
  readonly agent: Uint8Array
  readonly supervise: Uint8Array
  readonly services: ServicePrograms
}

const LINKS = { bin: "usr/bin", lib: "usr/lib", lib64: "usr/lib64", sbin: "usr/sbin" } as const

const DIRECTORIES: Readonly<Record<string, number>> = {
  dev: 0o755,
  etc: 0o755,
  "etc/qubes-rpc": 0o755,
  "etc/qubes/rpc-config": 0o755,
  home: 0o755,
  // Belongs to root here, like all of a layer; the domain gives it to its user when it starts.
  "home/user": 0o755,
  mnt: 0o755,
  proc: 0o755,
  root: 0o700,
  run: 0o755,
  sys: 0o755,
  tmp: 0o1777,
  "usr/bin": 0o755,
  "usr/lib64": 0o755,
  "usr/local/etc/qubes-rpc": 0o755,
  "usr/sbin": 0o755,
  "var/tmp": 0o1777,
}

/** What a domain finds even if its application brings none of it. The agent writes hostname and machine-id. */
const FILES: Readonly<Record<string, string>> = {
  "etc/group": "root:x:0:\ntty:x:5:\nuser:x:1000:\n",
  "etc/hosts": "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n",
  "etc/nsswitch.conf": "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n",
  "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/home/user:/bin/sh\n",
  "etc/resolv.conf": "",
  // Links open where the policy says, unless the application brings a browser and says so.
  "usr/share/applications/skerry-open-url.desktop": `[Desktop Entry]
Type=Application
Name=Open elsewhere
Exec=/usr/bin/skerry-open-url %u
NoDisplay=true
MimeType=x-scheme-handler/http;x-scheme-handler/https;
`,
  "usr/share/applications/mimeinfo.cache": `[MIME Cache]
x-scheme-handler/http=skerry-open-url.desktop;
x-scheme-handler/https=skerry-open-url.desktop;
`,
}

/** Makes base.erofs in `work`, an empty directory of the caller's. */
export async function makeBase(
  sources: BaseSources,
  work: string,
  signal: AbortSignal,
): Promise<{ readonly layer: string; readonly manifest: Manifest }> {
  const root = join(work, "root")
  await placeDirectory(work, "root", 0o755)
  for (const [path, mode] of Object.entries(DIRECTORIES)) await placeDirectory(root, path, mode)
  for (const [path, target] of Object.entries(LINKS)) await placeLink(root, path, target)
  for (const [path, text] of Object.entries(FILES)) await placeFile(root, path, text, 0o644)
  for (const [name, paths] of Object.entries(BASE_LIBRARIES)) {
    const unpacked = join(work, name)
    await unpackDeb(debOf(sources, name), unpacked, signal)
    for (const path of paths) await placeLibrary(unpacked, root, path)
  }
  const busybox = join(work, "busybox-static")
  await unpackDeb(debOf(sources, "busybox-static"), busybox, signal)
  await placeFile(root, "usr/lib/skerry/busybox", await readUnmerged(busybox, "usr/bin/busybox"), 0o755)
  await placeFile(root, "usr/lib/skerry/agent.cjs", sources.agent, 0o644)
  await placeFile(root, "usr/lib/skerry/supervise", sources.supervise, 0o644)
  const links = await placeServices(sources.services, root)
  await placeStripped(sources.node, root, "usr/lib/skerry/node", 0o755, signal)
  await placeStripped(sources.koffi, root, "usr/lib/skerry/koffi.node", 0o644, signal)

  const layer = join(work, "base.erofs")
  await packLayer(root, layer, signal)
  const manifest = await manifestOf(
    root,
    (await listTree(root)).filter(({ path }) => !path.startsWith("usr/lib/skerry") && !links.has(path)),
  )
  return { layer, manifest }
}

const SERVICE_PROGRAMS = "usr/lib/skerry/programs.cjs"

/** The links by which programs are called. They are in no manifest: an application's own file of that name stays in its layer. */
async function placeServices(
  { bundle, commands, services }: ServicePrograms,
  root: string,
): Promise<ReadonlySet<string>> {
  const links = [
    ...commands.map((name) => `usr/bin/${name}`),
    ...services.map((name) => `etc/qubes-rpc/${name}`),
  ]
  await placeFile(root, SERVICE_PROGRAMS, bundle, 0o755)
  for (const path of links) await placeLink(root, path, `/${SERVICE_PROGRAMS}`)
  return new Set(links)
}

function debOf(sources: BaseSources, name: string): string {
  const path = sources.debs.get(name)
  if (path === undefined)
    throw new ImageError(
      "bad-lock",
      `Cannot build the base: its lock has no ${name}; run "skerry build --update"`,
    )
  return path
}

/** Links stay links, with what they lead to beside them, so that an application's own copy is the same file. */
async function placeLibrary(unpacked: string, root: string, path: string): Promise<void> {
  const source = await unmergedPath(unpacked, path)
  const found = await lstat(source)
  if (!found.isSymbolicLink()) return await placeFile(root, path, await readFile(source), found.mode & 0o755)
  const target = await readlink(source)
  await placeLink(root, path, target)
  if (!target.includes("/")) await placeLibrary(unpacked, root, join(dirname(path), target))
}

async function readUnmerged(unpacked: string, path: string): Promise<Buffer> {
  return await readFile(await unmergedPath(unpacked, path))
}

/** Packages may still have `lib/…` where a merged system has `usr/lib/…`. */
async function unmergedPath(unpacked: string, path: string): Promise<string> {
  const merged = join(unpacked, path)
  const isThere = await lstat(merged).then(
    () => true,
    () => false,
  )
  return isThere ? merged : join(unpacked, path.replace(/^usr\//, ""))
}

async function placeStripped(
  source: string,
  root: string,
  path: string,
  mode: number,
  signal: AbortSignal,
): Promise<void> {
  await placeFile(root, path, await strippedProgram(source, join(root, ".."), signal), mode)
}
