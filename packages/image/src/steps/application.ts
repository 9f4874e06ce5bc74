import { chmod, link, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { basename, join } from "node:path"
import { printable } from "@skerry/model"
import { debFields } from "../deb.ts"
import { packLayer } from "../erofs.ts"
import { ImageError } from "../errors.ts"
import { aliasesOf, filterTree, ownersOf } from "../filter.ts"
import { type InstalledPackage, keepSet, parseStatus } from "../keep-set.ts"
import type { LockedPackage } from "../lock.ts"
import { IMAGE_TIME } from "../recipe.ts"
import { runTool } from "../tool.ts"
import { listTree, type Manifest, placeFile, reduceTree, subtractLayer } from "../tree.ts"

export interface ApplicationSources {
  readonly name: string
  /** Every package of the lock, and where its verified .deb is. */
  readonly packages: readonly (readonly [item: LockedPackage, deb: string])[]
  readonly wanted: readonly string[]
  readonly documentation: boolean
  readonly locales: readonly string[]
  /** What the base has: left out where it is the same. */
  readonly below: Manifest
}

export interface ApplicationWork {
  /** An empty directory of the caller's, for the layer. */
  readonly directory: string
  /** Another, which the accounts of a user namespace can reach; removed again. */
  readonly shared: string
  readonly uid: number
  readonly signal: AbortSignal
}

/** Makes the application's own layer in `work.directory`. */
export async function makeApplication(sources: ApplicationSources, work: ApplicationWork): Promise<string> {
  const archive = await installPackages(sources, work)
  const root = join(work.directory, "root")
  await mkdir(root)
  await runTool(
    `unpack the packages of "${sources.name}"`,
    "tar",
    ["-xf", archive, "-C", root, "--no-same-owner", "--preserve-permissions", "--exclude=./dev/*"],
    { signal: work.signal },
  )
  await rm(archive)
  await reduceToLayer(root, sources)
  const layer = join(work.directory, "application.erofs")
  await packLayer(root, layer, work.signal)
  return layer
}

/**
 * Debian's own tools install the packages into a fresh root file system, so that maintainer scripts run as
 * their authors meant. There is no network, and no package but those of the lock.
 */
async function installPackages(sources: ApplicationSources, work: ApplicationWork): Promise<string> {
  const repository = join(work.shared, "packages")
  await makeRepository(repository, sources.packages, work.signal)
  const archive = join(work.shared, "root.tar")
  const { tool, args } = installCommand(sources.wanted, repository, archive, work.uid)
  await runTool(`install the packages of "${sources.name}"`, tool, args, {
    environment: {
      SOURCE_DATE_EPOCH: String(IMAGE_TIME),
      TMPDIR: work.shared,
      DEBIAN_FRONTEND: "noninteractive",
    },
    signal: work.signal,
    onParentDeath: "TERM",
  })
  return archive
}

/** Root makes the file system directly; anyone else in a user namespace, with the same result. Pure. */
export function installCommand(
  wanted: readonly string[],
  repository: string,
  archive: string,
  uid: number,
): { readonly tool: "unshare" | "mmdebstrap"; readonly args: readonly string[] } {
  const mmdebstrap = [
    uid === 0 ? "--mode=root" : "--mode=unshare",
    "--variant=essential",
    "--architectures=amd64",
    "--format=tar",
    "--quiet",
    '--aptopt=APT::Install-Recommends "false"',
    ...(wanted.length > 0 ? [`--include=${wanted.join(",")}`] : []),
    // No suite: the repository is flat, and its packages were verified against the lock.
    "",
    archive,
    `deb [trusted=yes] copy:${repository} ./`,
  ]
  return uid === 0
    ? { tool: "unshare", args: ["--net", "--", "mmdebstrap", ...mmdebstrap] }
    : { tool: "mmdebstrap", args: mmdebstrap }
}

/** A flat repository of exactly these packages. */
async function makeRepository(
  directory: string,
  packages: ApplicationSources["packages"],
  signal: AbortSignal,
): Promise<void> {
  await mkdir(directory)
  await chmod(directory, 0o755)
  const stanzas: string[] = []
  for (const [item, deb] of packages) {
    const file = basename(deb)
    await placeCopy(deb, join(directory, file))
    stanzas.push(
      `${(await debFields(deb, signal)).trimEnd()}\nFilename: ./${file}\nSize: ${item.size}\nSHA256: ${item.sha256}\n`,
    )
  }
  await writeFile(join(directory, "Packages"), stanzas.join("\n"))
  await chmod(join(directory, "Packages"), 0o644)
}

async function placeCopy(source: string, target: string): Promise<void> {
  await link(source, target).catch(async () => {
    // Another file system: the bytes have to move.
    await writeFile(target, await readFile(source))
    await chmod(target, 0o644)
  })
}

/** Leaves of a complete root file system only what is the application's own, and was asked for. */
async function reduceToLayer(root: string, sources: ApplicationSources): Promise<void> {
  const entries = await listTree(root)
  const dpkg = join(root, "var/lib/dpkg")
  const installed = parseStatus(await readFile(join(dpkg, "status"), "utf8"))
  checkInstalled(sources, installed)
  const lists = (await readdir(join(dpkg, "info"))).filter((name) => name.endsWith(".list"))
  const owners = ownersOf(
    await Promise.all(
      lists.map(async (name) => [name, await readFile(join(dpkg, "info", name), "utf8")] as const),
    ),
    aliasesOf(entries),
  )
  const kept = filterTree(entries, {
    owners,
    keep: keepSet(installed, sources.wanted),
    documentation: sources.documentation,
    locales: sources.locales,
  })
  await reduceTree(root, entries, kept)
  await addUser(root)
  const all = await listTree(root)
  await reduceTree(root, all, await subtractLayer(root, all, sources.below))
}

/** What is in the image is what the lock says: no other package, no other version. */
function checkInstalled(sources: ApplicationSources, installed: readonly InstalledPackage[]): void {
  const locked = new Map(sources.packages.map(([item]) => [item.name, item.version]))
  for (const item of installed) {
    const version = locked.get(item.name)
    locked.delete(item.name)
    if (version === item.version) continue
    throw new ImageError(
      "bad-lock",
      `Cannot build "${sources.name}": ${printable(item.name)} ${printable(item.version)} was installed, the lock says ${version ?? "nothing of it"}; run "skerry build --update"`,
    )
  }
  const [left] = locked.keys()
  if (left !== undefined) {
    throw new ImageError(
      "bad-lock",
      `Cannot build "${sources.name}": the lock has ${left}, which nothing needs; run "skerry build --update"`,
    )
  }
}

/** The account that commands run under, in the files that the application's own packages made. */
async function addUser(root: string): Promise<void> {
  const add = async (path: string, line: string) => {
    const text = await readFile(join(root, path), "utf8")
    await placeFile(root, path, text + line, 0o644)
  }
  await add("etc/passwd", "user:x:1000:1000:user:/home/user:/bin/bash\n")
  await add("etc/group", "user:x:1000:\n")
}
