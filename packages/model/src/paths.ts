import { join } from "node:path"

/** Where things live on a host (docs/architecture.md); every path is absolute. */
export interface HostPaths {
  /** Mutable place 1: skerry.config.ts or skerry.json, skerry.lock, policy.d/. */
  readonly configuration: string
  /** Mutable place 2: generations/, later the state store. */
  readonly state: string
  /** images/, templates/, packages/: regenerable, may be deleted at any time. */
  readonly cache: string
  /** Sockets and locks; gone after a reboot. */
  readonly runtime: string
}

/** Pure: `environment` and `uid` come from the composition root. `uid` 0 means a system installation. */
export function hostPaths(environment: Readonly<Record<string, string | undefined>>, uid: number): HostPaths {
  const home = environment.SKERRY_HOME
  if (home !== undefined && home !== "") {
    return {
      configuration: join(home, "config"),
      state: join(home, "state"),
      cache: join(home, "cache"),
      runtime: join(home, "run"),
    }
  }
  if (uid === 0) {
    return {
      configuration: "/etc/skerry",
      state: "/var/lib/skerry",
      cache: "/var/cache/skerry",
      runtime: "/run/skerry",
    }
  }
  const userHome = environment.HOME ?? "/"
  const under = (variable: string, fallback: string) =>
    join(environment[variable] || join(userHome, fallback), "skerry")
  return {
    configuration: under("XDG_CONFIG_HOME", ".config"),
    state: under("XDG_DATA_HOME", ".local/share"),
    cache: under("XDG_CACHE_HOME", ".cache"),
    runtime: environment.XDG_RUNTIME_DIR
      ? join(environment.XDG_RUNTIME_DIR, "skerry")
      : join("/tmp", `skerry-${uid}`),
  }
}
