import {
  GUEST_PLACE,
  GUEST_PLACE_RULE,
  HOST_PATH,
  HOST_PATH_RULE,
  InvalidName,
  PLACE_CHARACTERS,
  parseTreeName,
  type ResourceName,
  type TreeName,
} from "@skerry/model"
import { completing } from "./schema/completing.ts"
import { object, optional, required } from "./schema/object.ts"
import { integer, oneOf, orNull, text } from "./schema/scalars.ts"
import type { Schema } from "./schema/schema.ts"
import { tagged } from "./schema/tagged.ts"

/* Directories: the resource, what a grant of one says, and the settings of the state store. */

const MAX_MIB = 1024 * 1024 * 1024
const MAX_KEPT = 10_000

const treeName = completing(
  text({
    allowed: 'the name of a tree: 1 to 31 characters of a–z, 0–9 and "-", starting with a letter',
    pattern: /^(?!(?:constructor|dom0)$)[a-z][a-z0-9-]{0,30}$/,
    max: 31,
  }),
  (name): TreeName | undefined => {
    try {
      return parseTreeName(name)
    } catch (error) {
      if (error instanceof InvalidName) return undefined
      throw error
    }
  },
)

const place = text({ allowed: GUEST_PLACE_RULE, pattern: GUEST_PLACE, max: PLACE_CHARACTERS })
const access = oneOf("read", "write")

export const stateOriginFields = {
  kind: required(
    oneOf("state"),
    "A tree of the state store: versioned, encrypted, and served to instances alone.",
  ),
  tree: required(treeName, "The tree's name. Resources that name the same tree share it."),
  quotaMiB: optional(
    orNull(integer({ min: 1, max: MAX_MIB })),
    null,
    "The most that the tree may hold, in MiB; null is what the store has room for.",
  ),
} as const

export const hostOriginFields = {
  kind: required(oneOf("host"), "A directory of this machine."),
  path: required(
    text({ allowed: HOST_PATH_RULE, pattern: HOST_PATH, max: PLACE_CHARACTERS }),
    'Where it is: absolute, or beginning with "~/".',
  ),
} as const

const origin = tagged("origin", { state: object(stateOriginFields), host: object(hostOriginFields) })

export const directoryFields = {
  kind: required(oneOf("directory"), "Files: a tree of the state store, or a directory of this machine."),
  origin: required(origin, "Where the files are."),
  access: optional(
    orNull(access),
    null,
    'What a grant gives where it says nothing else; null is "write" for a tree of the state store, "read" for a directory of this machine.',
  ),
  at: optional(
    orNull(place),
    null,
    "Where it appears where a grant says nothing else; null is /home/user for a tree of the state store, and /mnt/NAME for a directory of this machine, with its own name.",
  ),
} as const

/** Completed from where the files are. */
export const directory = completing(
  object(directoryFields, { typeText: "DirectoryResource" }),
  ({ kind, origin: from, access: given, at }) => ({
    kind,
    origin: from,
    access: given ?? (from.kind === "state" ? ("write" as const) : ("read" as const)),
    at:
      at ??
      (from.kind === "state" ? "/home/user" : `/mnt/${from.path.slice(from.path.lastIndexOf("/") + 1)}`),
  }),
)

export interface WrittenGrant<Resources extends string = string> {
  readonly resource: Resources
  readonly at?: string | null
  readonly access?: "read" | "write" | null
}

export const grantFields = (name: Schema<ResourceName, ResourceName>) =>
  ({
    resource: required(name, "The resource."),
    at: optional(
      orNull(place),
      null,
      "Where a directory appears in the instance; null is where its resource says.",
    ),
    access: optional(
      orNull(access),
      null,
      "What may be done with a directory; null is what its resource says.",
    ),
  }) as const

/** The name of a resource, or an object that says more; complete, it is always an object. */
export function grant(name: Schema<ResourceName, ResourceName>) {
  const full = object(grantFields(name))
  const parse: typeof full.parse = (untrustedValue, path, report) => {
    if (typeof untrustedValue !== "string") return full.parse(untrustedValue, path, report)
    const resource = name.parse(untrustedValue, path, report)
    return resource === undefined ? undefined : { resource, at: null, access: null }
  }
  const jsonSchema = { oneOf: [name.jsonSchema, full.jsonSchema] }
  return { parse, jsonSchema, typeText: `${name.typeText} | Grant<${name.typeText}>` } satisfies Schema<
    unknown,
    unknown
  > as Schema<ResourceName | WrittenGrant<ResourceName>, NonNullable<ReturnType<typeof full.parse>>>
}

const kept = (what: string, fallback: number) =>
  optional(integer({ min: 0, max: MAX_KEPT }), fallback, `Keep ${what}; 0 keeps none for that reason.`)

export const keepFields = {
  last: kept("so many of the newest versions", 10),
  hourly: kept("the newest version of so many hours", 24),
  daily: kept("the newest version of so many days", 7),
  weekly: kept("the newest version of so many weeks", 4),
  monthly: kept("the newest version of so many months", 12),
  yearly: kept("the newest version of so many years", 10),
} as const

export const stateFields = {
  server: optional(
    oneOf("process", "vm"),
    "process",
    'Where the file server of the state store runs: "process" is a sandbox, "vm" a machine of its own.',
  ),
  snapshotMinutes: optional(
    integer({ min: 0, max: 7 * 24 * 60 }),
    60,
    "How often the trees of a running domain are kept as versions, in minutes; 0 is only when it stops.",
  ),
  keep: optional(object(keepFields), {}, "Which versions are kept when others are removed, once a day."),
  limitMiB: optional(
    // The store keeps 64 MiB of it for getting emptier.
    orNull(integer({ min: 256, max: MAX_MIB })),
    null,
    "The most that the whole store may take on disk, in MiB; null is what the disk has.",
  ),
} as const
