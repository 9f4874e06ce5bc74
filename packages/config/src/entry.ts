/*
 * What `import … from "skerry"` gives a configuration. It runs in the evaluating process and is kept free of
 * imports at run time. The types follow from the schema; editor-files.ts writes the same for editors.
 */
import type { directoryFields, WrittenGrant } from "./directory-schema.ts"
import type { WrittenObject } from "./schema/object.ts"
import type { Written } from "./schema/schema.ts"
import type {
  applicationFields,
  debianFields,
  instanceFields,
  resource,
  serviceFields,
  settingsFields,
} from "./system-schema.ts"

export type DebianSource = WrittenObject<typeof debianFields>
export type Application = WrittenObject<typeof applicationFields>
export type ServiceResource = WrittenObject<typeof serviceFields>
export type DirectoryResource = WrittenObject<typeof directoryFields>
export type Resource = Written<typeof resource>
/** A resource that appears elsewhere, or for less, than it says itself. */
export type Grant<Resources extends string = string> = WrittenGrant<Resources>
export type Settings = WrittenObject<typeof settingsFields>
export type Instance<Applications extends string = string, Resources extends string = string> = Omit<
  WrittenObject<typeof instanceFields>,
  "application" | "grants"
> & { readonly application: Applications; readonly grants?: readonly (Resources | Grant<Resources>)[] }

export interface SystemDefinition<
  A extends Readonly<Record<string, Application>>,
  R extends Readonly<Record<string, Resource>>,
> {
  readonly applications: A
  readonly resources?: R
  readonly instances: Readonly<Record<string, Instance<NoInfer<keyof A & string>, NoInfer<keyof R & string>>>>
  readonly settings?: Settings
}

/** The whole configuration of a machine: export it as default. */
export function defineSystem<
  A extends Readonly<Record<string, Application>>,
  R extends Readonly<Record<string, Resource>> = Readonly<Record<never, Resource>>,
>(system: SystemDefinition<A, R>): SystemDefinition<A, R> {
  return system
}

/** Packages from Debian's archive, or from one laid out like it. */
export function debian(source: Omit<DebianSource, "kind">): DebianSource {
  return { kind: "debian", ...source }
}

/** A tree of the state store. Kept are its files and their versions; nothing else that an instance writes is. */
export function state(
  tree: string,
  options: Pick<DirectoryResource, "access" | "at"> & { readonly quotaMiB?: number | null } = {},
): DirectoryResource {
  const { quotaMiB = null, ...rest } = options
  return { kind: "directory", origin: { kind: "state", tree, quotaMiB }, ...rest }
}

/** A directory of this machine: absolute, or beginning with "~/". To be read only, where nothing else is said. */
export function hostDirectory(
  path: string,
  options: Pick<DirectoryResource, "access" | "at"> = {},
): DirectoryResource {
  return { kind: "directory", origin: { kind: "host", path }, ...options }
}

type KeysIn<D, K extends string> = D extends Readonly<Record<K, infer S>> ? keyof S & string : never

/** What was imported from skerry.json, with its names known to the compiler; checked like all else. */
export function fromJson<const D extends object>(
  json: D,
): {
  readonly applications: Readonly<Record<KeysIn<D, "applications">, Application>>
  readonly resources: Readonly<Record<KeysIn<D, "resources">, Resource>>
  readonly instances: Readonly<
    Record<KeysIn<D, "instances">, Instance<KeysIn<D, "applications">, KeysIn<D, "resources">>>
  >
  readonly settings: Settings
} {
  const { $schema: _, ...sections } = json as Record<string, unknown>
  const empty = { applications: {}, resources: {}, instances: {}, settings: {} }
  return { ...empty, ...sections } as ReturnType<typeof fromJson<D>>
}
