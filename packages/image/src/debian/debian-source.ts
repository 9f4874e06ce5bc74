import { rm, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { nearMatch, printable } from "@skerry/model"
import { ImageError } from "../errors.ts"
import { type LockedPackage, PACKAGE_NAME, type PackageRequest } from "../lock.ts"
import type { PackageSource } from "../package-source.ts"
import { lastWords, runTool, toolFailed, tryTool } from "../tool.ts"
import { type AptDirectory, openAptDirectory } from "./apt-directory.ts"
import { type Archive, archivesOf, HOST_INDEX_FORMAT, parseHostIndexes, sourcesFile } from "./archives.ts"
import { fetchPackages } from "./fetch.ts"
import { parsePrintedUris } from "./print-uris.ts"

export interface DebianHost {
  /** For apt's lists; made if missing. */
  readonly directory: string
  /** The keys that may sign an archive's index. */
  readonly keyring: string
}

export const DEBIAN_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"

/** What every Debian has. apt counts itself among it; the archive does not, and mmdebstrap does without. */
const ESSENTIAL = "?and(?essential, ?not(?exact-name(apt)))"

/** Packages from Debian archives, resolved and verified by the host's apt. Calls must not overlap. */
export function openDebianSource(host: DebianHost): PackageSource {
  let updatedFor: string | undefined
  const archives = (request: PackageRequest, signal: AbortSignal) => findArchives(request, signal)
  return {
    async resolve(request, purpose, signal) {
      const found = await archives(request, signal)
      const apt = await openAptDirectory(host.directory)
      const sources = sourcesFile(found, host.keyring)
      if (sources !== updatedFor) {
        await writeFile(apt.sources, sources)
        await update(apt, found, host, signal)
        updatedFor = sources
      }
      await checkNames(apt, request, signal)
      const wanted = purpose === "application" ? [ESSENTIAL, ...request.packages] : request.packages
      const printed = await tryTool(
        "apt-get",
        [...apt.options, "install", "--print-uris", "-qq", "-y", "--", ...wanted],
        { signal },
      )
      if (printed.status !== 0) {
        throw new ImageError(
          "unknown-package",
          `Cannot install ${request.packages.join(" ")} from Debian "${request.suite}": apt says ${lastWords(
            printed.stdout.toString() + printed.stderr,
          )}`,
        )
      }
      return parsePrintedUris(printed.stdout.toString(), found)
    },
    async fetch(_request, wanted, options) {
      const found = await archives(_request, options.signal)
      const apt = await openAptDirectory(host.directory)
      await fetchPackages(
        wanted.map((item) => [item, addressOf(item, found)] as const),
        apt,
        options,
      )
    },
  }
}

async function findArchives(request: PackageRequest, signal: AbortSignal): Promise<readonly Archive[]> {
  if (request.mirror !== "host") return archivesOf(request, [])
  const text = await runTool(
    "read the host's apt sources",
    "apt-get",
    ["indextargets", "--format", HOST_INDEX_FORMAT],
    {
      signal,
    },
  )
  return archivesOf(request, parseHostIndexes(text.toString()))
}

function addressOf(item: LockedPackage, archives: readonly Archive[]): string {
  const archive = archives.find((archive) => archive.suite === item.archive)
  if (archive === undefined) {
    throw new ImageError(
      "no-mirror",
      `Cannot fetch ${item.name} ${item.version}: it was locked from "${item.archive}", for which this host's apt has no mirror; run "skerry build --update"`,
    )
  }
  return archive.address + item.file
}

/** Fetches and verifies the indexes. Which of two things failed is found out by trying each alone. */
async function update(
  apt: AptDirectory,
  archives: readonly Archive[],
  host: DebianHost,
  signal: AbortSignal,
): Promise<void> {
  const result = await tryTool("apt-get", [...apt.options, "update", "-qq", "--error-on=any"], { signal })
  if (result.status === 0) return
  const words = lastWords(result.stderr)
  for (const archive of archives) {
    const index = join(host.directory, "InRelease")
    await rm(index, { force: true })
    const address = `${archive.address}dists/${archive.suite}/InRelease`
    const fetched = await tryTool(
      "/usr/lib/apt/apt-helper",
      [...apt.options, "download-file", address, index],
      {
        signal,
      },
    )
    if (fetched.status !== 0) {
      throw new ImageError(
        "unreachable",
        `Cannot reach the package mirror of Debian "${archive.suite}" at ${printable(archive.address)}: ${lastWords(fetched.stderr)}; check the network and the mirror's address`,
      )
    }
    const verified = await tryTool("gpgv", ["--keyring", host.keyring, "--", index], { signal })
    if (verified.status !== 0) {
      throw new ImageError(
        "bad-signature",
        `Cannot trust the package mirror at ${printable(archive.address)}: the index of "${archive.suite}" is not signed by a key of ${host.keyring}: ${lastWords(verified.stderr)}`,
      )
    }
  }
  throw new ImageError(
    "unreachable",
    `Cannot read the indexes of Debian "${archives[0]?.suite}": apt says ${words}; try again later or choose another mirror`,
  )
}

/** apt would name only the first wrong one, and no near match. */
async function checkNames(apt: AptDirectory, request: PackageRequest, signal: AbortSignal): Promise<void> {
  const listed = await tryTool("apt-cache", [...apt.options, "pkgnames"], { signal })
  if (listed.status !== 0) throw toolFailed("list the packages of the mirror", "apt-cache", listed)
  const names = listed.stdout.toString().split("\n")
  const known = new Set(names)
  const unknown = request.packages.filter((name) => !PACKAGE_NAME.test(name) || !known.has(name))
  const [first] = unknown
  if (first === undefined) return
  const near = nearMatch(first, names)
  throw new ImageError(
    "unknown-package",
    `Debian "${request.suite}" (${request.components.join(", ")}) has no package ${unknown
      .map((name) => JSON.stringify(name))
      .join(", ")}${near === undefined ? "" : `; did you mean "${near}"?`}`,
  )
}
