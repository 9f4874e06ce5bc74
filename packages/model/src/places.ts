import type { InstanceName, ResourceName } from "./names.ts"
import type { DirectoryResource, System } from "./system.ts"

/** Where a directory may appear in an instance. */
export const GUEST_PLACE = /^(?!\/(?:proc|sys|dev|run)(?:\/|$))(?:\/(?!\.{1,2}(?:\/|$))[^/\0]+)+$/u
export const GUEST_PLACE_RULE =
  'an absolute path without ".", ".." and an empty name in it, not "/", and not in /proc, /sys, /dev or /run'

/** A directory of this machine, as a person writes it. */
export const HOST_PATH = /^~?(?:\/(?!\.{1,2}(?:\/|$))[^/\0]+)+$/u
export const HOST_PATH_RULE =
  'a path that starts with "~/" or "/" and names something below it, without ".", ".." and an empty name in it'

/** Characters of either. */
export const PLACE_CHARACTERS = 1024

/** The same place, or one below the other. */
export const placesOverlap = (a: string, b: string): boolean =>
  `${a}/`.startsWith(`${b}/`) || `${b}/`.startsWith(`${a}/`)

/** A directory that is granted to an instance by the configuration. */
export interface GrantedDirectory {
  readonly resource: ResourceName
  readonly origin: DirectoryResource["origin"]
  readonly at: string
  readonly access: "read" | "write"
}

/** The directories of an instance, in the order of their resources' names. */
export function directoriesOf(system: System, instance: InstanceName): GrantedDirectory[] {
  return (system.instances[instance]?.grants ?? []).flatMap(({ resource, at, access }) => {
    const granted = system.resources[resource]
    return granted?.kind === "directory" && at !== null && access !== null
      ? [{ resource, origin: granted.origin, at, access }]
      : []
  })
}
