import {
  type Application,
  type ApplicationName,
  type InstanceName,
  SYSTEM_VERSION,
  type System,
} from "@skerry/model"

/** An application of Debian packages, as the configuration would normalise it. */
export function debianApplication(packages: readonly string[], mirror = "host"): Application {
  return {
    source: {
      kind: "debian",
      suite: "bookworm",
      mirror,
      components: ["main"],
      packages,
      documentation: false,
      locales: [],
    },
    command: ["/bin/bash"],
    environment: {},
    user: "user",
    workingDirectory: "/home/user",
  }
}

/** Each application with an instance of the same name. */
export function systemOf(applications: Readonly<Record<string, Application>>): System {
  return {
    version: SYSTEM_VERSION,
    applications: applications as Readonly<Record<ApplicationName, Application>>,
    resources: {},
    instances: Object.fromEntries(
      Object.keys(applications).map((name) => [
        name as InstanceName,
        {
          application: name as ApplicationName,
          grants: [],
          isolation: "vm" as const,
          memoryMiB: 256,
          vcpus: 1,
          processes: 512,
          cpuWeight: 100,
          tags: [],
          disposableTemplate: false,
          defaultDisposable: null,
        },
      ]),
    ),
    settings: {
      standby: { perImage: 0, memoryMiB: 0 },
      limits: { domains: 64, startsAtOnce: 4, startsWaiting: 256 },
      defaultDisposable: null,
      calls: { atOnce: 256, perSecond: 1000, burst: 2000, promptSeconds: 120, depth: 8 },
      state: {
        server: "process",
        snapshotMinutes: 0,
        keep: { last: 10, hourly: 24, daily: 7, weekly: 4, monthly: 12, yearly: 10 },
        limitMiB: null,
      },
    },
  }
}

/** Packages by application: everything that tests run in domains, so that each image is built once for all of them. */
export const SAMPLE_PACKAGES = {
  pdf: ["poppler-utils"],
  scratch: [],
  tools: ["bash", "coreutils", "procps", "util-linux"],
  keys: ["bash", "coreutils", "git", "gnupg"],
  pages: ["bash", "coreutils", "poppler-utils"],
  trees: ["attr", "bash", "coreutils", "findutils", "git", "sqlite3", "util-linux"],
} as const

export function sampleSystem(): System {
  const made = Object.entries(SAMPLE_PACKAGES).map(([name, packages]) => [name, debianApplication(packages)])
  return systemOf(Object.fromEntries(made))
}

/** One of them as a configuration writes it. */
export function sampleApplication(name: keyof typeof SAMPLE_PACKAGES, command: readonly string[] = ["bash"]) {
  return { source: { kind: "debian", packages: SAMPLE_PACKAGES[name] }, command }
}
