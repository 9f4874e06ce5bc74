import { lstatSync, readFileSync, readlinkSync, type Stats, statSync } from "node:fs"
import { CallFailure } from "@skerry/rpc"
import type { Account } from "../accounts.ts"
import { mayExecute } from "../program.ts"
import {
  BadServiceConfig,
  CONFIG_LIMITS,
  NO_CONFIG,
  parseServiceConfig,
  type ServiceConfig,
} from "./service-config.ts"
import { isTcpLink, parseTcpLink } from "./tcp-link.ts"

/** Where a domain's services and their configuration lie: the first place that has a name counts. */
export interface ServicePlaces {
  readonly services: readonly string[]
  readonly configuration: readonly string[]
}

/** `root` is empty but for tests. */
export function servicePlaces(root: string): ServicePlaces {
  const under = (directories: readonly string[]) => directories.map((directory) => `${root}${directory}`)
  return {
    services: under(["/run/qubes-rpc", "/usr/local/etc/qubes-rpc", "/etc/qubes-rpc"]),
    configuration: under([
      "/run/qubes/rpc-config",
      "/usr/local/etc/qubes/rpc-config",
      "/etc/qubes/rpc-config",
    ]),
  }
}

/** Linux's NAME_MAX: no file has a longer name, so there is no service for such an argument alone. */
const NAME_BYTES = 255

export type FoundService =
  | { readonly kind: "program"; readonly path: string }
  | { readonly kind: "socket"; readonly path: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }

/**
 * The file that serves a call: `service+argument` anywhere goes before `service`. Throws CallFailure "not-found",
 * "not-executable", "bad-service".
 */
export function findService(
  places: ServicePlaces,
  service: string,
  argument: string,
  account: Account,
): FoundService {
  if (!isFileName(service)) throw notFound(service)
  const found =
    (argument === "" ? undefined : findIn(places.services, `${service}+${argument}`)) ??
    findIn(places.services, service)
  if (found === undefined) throw notFound(service)
  const { path, link, stat } = found
  if (link !== undefined) return { kind: "tcp", ...parseTcpLink(link, argument) }
  if (stat?.isSocket()) return { kind: "socket", path }
  if (stat?.isFile() && mayExecute(stat, account)) return { kind: "program", path }
  throw new CallFailure(
    "not-executable",
    `Cannot run ${JSON.stringify(path)}: no program that ${account.name} may execute`,
  )
}

/** What the service's file in rpc-config says; throws CallFailure "bad-service". */
export function readServiceConfig(places: ServicePlaces, service: string, argument: string): ServiceConfig {
  const path =
    (argument === "" ? undefined : findIn(places.configuration, `${service}+${argument}`)?.path) ??
    findIn(places.configuration, service)?.path
  if (path === undefined) return NO_CONFIG
  try {
    const bytes = readFileSync(path)
    if (bytes.length > CONFIG_LIMITS.fileBytes) {
      throw new BadServiceConfig(`it has ${bytes.length} bytes, ${CONFIG_LIMITS.fileBytes} are allowed`)
    }
    return parseServiceConfig(bytes.toString("utf8"))
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new CallFailure("bad-service", `Cannot use ${JSON.stringify(path)}: ${why}`, { cause: error })
  }
}

interface Found {
  readonly path: string
  /** Where it is a link to /dev/tcp. */
  readonly link: string | undefined
  readonly stat: Stats | undefined
}

function findIn(directories: readonly string[], name: string): Found | undefined {
  if (name.length > NAME_BYTES) return undefined
  for (const directory of directories) {
    const path = `${directory}/${name}`
    const entry = statIfAny(path, lstatSync)
    if (entry === undefined) continue
    if (!entry.isSymbolicLink()) return { path, link: undefined, stat: entry }
    const link = readlinkSync(path)
    if (isTcpLink(link)) return { path, link, stat: undefined }
    // A link to nothing is there all the same: what it hides stays hidden.
    return { path, link: undefined, stat: statIfAny(path, statSync) }
  }
  return undefined
}

function statIfAny(path: string, stat: typeof lstatSync): Stats | undefined {
  try {
    return stat(path, { throwIfNoEntry: false })
  } catch {
    return undefined
  }
}

/** The policy has seen to it that a name has no other characters; these would lead out of the directory. */
function isFileName(name: string): boolean {
  return name !== "" && name !== "." && name !== ".." && !name.includes("/") && !name.includes("\0")
}

function notFound(service: string): CallFailure {
  return new CallFailure("not-found", `There is no service ${JSON.stringify(service.slice(0, 64))} here`)
}
