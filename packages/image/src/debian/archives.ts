import { ImageError } from "../errors.ts"
import type { PackageRequest } from "../lock.ts"

/** One line of sources: a suite at an address. */
export interface Archive {
  readonly suite: string
  /** Ends in "/". */
  readonly address: string
  readonly components: readonly string[]
}

/** What the host's apt knows of one of its indexes. */
export interface HostIndex {
  readonly address: string
  /** As written in the host's sources: "bookworm-security". */
  readonly suite: string
  /** From the archive's signed Release file, where the host has one: "Debian", "Debian-Security". */
  readonly label: string
}

/** Fields of `apt-get indextargets`, one index per line. */
export const HOST_INDEX_FORMAT = "$(CREATED_BY)|$(REPO_URI)|$(RELEASE)|$(LABEL)"

export function parseHostIndexes(text: string): readonly HostIndex[] {
  return text.split("\n").flatMap((line) => {
    const [createdBy, address, suite, label] = line.split("|")
    if (createdBy !== "Packages" || !address || !suite) return []
    return [{ address: withSlash(address), suite, label: label ?? "" }]
  })
}

/**
 * The archives of a request, the plain suite first. With a mirror's URL it is that one suite there. With "host" it is
 * what the host itself uses, updates and security fixes included; for another suite than the host's own,
 * the same mirrors.
 */
export function archivesOf(request: PackageRequest, host: readonly HostIndex[]): readonly Archive[] {
  const { suite, components } = request
  if (request.mirror !== "host") return [{ suite, address: withSlash(request.mirror), components }]
  const wanted = [
    { suite, label: "Debian" },
    { suite: `${suite}-updates`, label: "Debian" },
    { suite: `${suite}-security`, label: "Debian-Security" },
  ]
  const archives = wanted.flatMap((archive): Archive[] => {
    const index =
      host.find((index) => index.suite === archive.suite) ??
      (host.some((index) => index.suite === suite)
        ? undefined // the host uses this suite, and chose to leave out its updates
        : host.find((index) => index.label === archive.label))
    return index === undefined ? [] : [{ suite: archive.suite, address: index.address, components }]
  })
  if (archives[0]?.suite !== suite) {
    throw new ImageError(
      "no-mirror",
      `Cannot find a mirror for Debian "${suite}": this host's apt has none. Set "mirror" to its URL, or add the suite to the host's apt sources and run "apt update"`,
    )
  }
  return archives
}

/** Deb822 sources for apt; signatures count only if made by a key of `keyring`. */
export function sourcesFile(archives: readonly Archive[], keyring: string): string {
  return archives
    .map((archive) =>
      [
        "Types: deb",
        `URIs: ${archive.address}`,
        `Suites: ${archive.suite}`,
        `Components: ${archive.components.join(" ")}`,
        `Signed-By: ${keyring}`,
        "",
      ].join("\n"),
    )
    .join("\n")
}

function withSlash(address: string): string {
  return address.endsWith("/") ? address : `${address}/`
}
