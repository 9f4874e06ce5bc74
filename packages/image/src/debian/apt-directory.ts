import { mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"

/**
 * An apt of our own beside the host's: it reads the host's apt.conf (proxies, certificates), and keeps its
 * lists, sources, preferences and trust in `directory`.
 */
export interface AptDirectory {
  readonly options: readonly string[]
  readonly sources: string
}

/** Pure: the settings that come after the host's own. */
export function aptConfiguration(directory: string): string {
  const set = (name: string, value: string) => `${name} "${value}";`
  return [
    // The host's hooks act on the host's own lists.
    "#clear APT::Update::Pre-Invoke;",
    "#clear APT::Update::Post-Invoke;",
    "#clear APT::Update::Post-Invoke-Success;",
    "#clear Acquire::IndexTargets::deb::DEP-11;",
    set("Dir::State", join(directory, "state")),
    set("Dir::State::status", join(directory, "status")),
    set("Dir::Cache", join(directory, "cache")),
    set("Dir::Cache::pkgcache", "pkgcache.bin"),
    set("Dir::Cache::srcpkgcache", "srcpkgcache.bin"),
    set("Dir::Etc::sourcelist", "/dev/null"),
    set("Dir::Etc::sourceparts", join(directory, "sources.d")),
    set("Dir::Etc::preferences", "/dev/null"),
    set("Dir::Etc::preferencesparts", "/dev/null"),
    set("Dir::Etc::trusted", "/dev/null"),
    set("Dir::Etc::trustedparts", "/dev/null"),
    set("APT::Architecture", "amd64"),
    "#clear APT::Architectures;",
    set("APT::Architectures::", "amd64"),
    set("APT::Install-Recommends", "false"),
    set("APT::Install-Suggests", "false"),
    set("APT::Get::AllowUnauthenticated", "false"),
    set("Acquire::AllowInsecureRepositories", "false"),
    set("Acquire::AllowDowngradeToInsecureRepositories", "false"),
    set("Acquire::ForceHash", "SHA256"),
    set("Acquire::Languages", "none"),
    set("Acquire::Retries", "2"),
    set("Acquire::http::Timeout", "20"),
    set("Acquire::https::Timeout", "20"),
    "",
  ].join("\n")
}

/** Makes what is missing of `directory`; idempotent. */
export async function openAptDirectory(directory: string): Promise<AptDirectory> {
  for (const folder of ["state/lists/partial", "cache/archives/partial", "sources.d"]) {
    await mkdir(join(directory, folder), { recursive: true, mode: 0o755 })
  }
  await writeFile(join(directory, "status"), "")
  const configuration = join(directory, "apt.conf")
  await writeFile(configuration, aptConfiguration(directory))
  return {
    options: ["-c", configuration],
    sources: join(directory, "sources.d", "skerry.sources"),
  }
}
