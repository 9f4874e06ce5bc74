import { ImageError } from "../errors.ts"
import type { LockedPackage } from "../lock.ts"
import type { Archive } from "./archives.ts"

/**
 * Reads the output of `apt-get install --print-uris`, one package per line:
 * `'http://…/libattr1_2.5.1-4_amd64.deb' libattr1_1%3a2.5.1-4_amd64.deb 22164 SHA256:ab…`
 */
export function parsePrintedUris(text: string, archives: readonly Archive[]): readonly LockedPackage[] {
  return text
    .split("\n")
    .filter((line) => line.startsWith("'"))
    .map((line) => parseLine(line, archives))
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
}

function parseLine(line: string, archives: readonly Archive[]): LockedPackage {
  const found = /^'([^']+)' ([a-z0-9+.-]+)_([^_ ]+)_([a-z0-9]+)\.deb ([0-9]+) SHA256:([0-9a-f]{64})$/.exec(
    line,
  )
  const [, uri = "", name = "", version = "", architecture = "", size = "", sha256 = ""] = found ?? []
  // Of two suites at one address the first is named: only the address counts.
  const archive = archives.find((archive) => uri.startsWith(archive.address))
  if (found === null || archive === undefined) {
    throw new ImageError("bad-input", `Cannot understand what apt says of a package: ${line.slice(0, 300)}`)
  }
  return {
    name,
    version: decodeURIComponent(version),
    architecture,
    sha256,
    size: Number(size),
    archive: archive.suite,
    file: uri.slice(archive.address.length),
  }
}
