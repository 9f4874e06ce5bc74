import { directoryFields } from "./directory-schema.ts"
import { objectText } from "./schema/object.ts"
import {
  applicationFields,
  debianFields,
  instanceFields,
  instanceGrantFields,
  resource,
  serviceFields,
  settingsFields,
} from "./system-schema.ts"

/*
 * What an editor needs to complete and check skerry.config.ts, which lives where there is no node_modules:
 * the types of "skerry", and a project file that makes the folder one TypeScript project.
 */

const indented = (text: string) => text.replaceAll("\n", "\n  ")

/** Pure: the text of skerry.d.ts, from the same description that checks a configuration. */
export function typeDeclarations(): string {
  return `// Types of "skerry", for editors. Written by \`skerry init\`, which may replace this file: change nothing here.

declare module "skerry" {
  /** Packages from Debian's archive, or from one laid out like it. */
  export interface DebianSource ${indented(objectText(debianFields))}

  /** What to run; says nothing of permissions. */
  export interface Application ${indented(objectText(applicationFields))}

  /** A service elsewhere: who has it granted may call it. */
  export interface ServiceResource ${indented(objectText(serviceFields))}

  /** Files: a tree of the state store, or a directory of this machine. */
  export interface DirectoryResource ${indented(objectText(directoryFields))}

  /** Something that can be granted. */
  export type Resource = ${resource.typeText}

  /** A resource that appears elsewhere, or for less, than it says itself. */
  export interface Grant<Resources extends string = string> ${indented(objectText(instanceGrantFields))}

  /** A named pairing of one application with the resources granted to it. */
  export interface Instance<Applications extends string = string, Resources extends string = string> ${indented(objectText(instanceFields))}

  export interface Settings ${indented(objectText(settingsFields))}

  export interface SystemDefinition<
    A extends Readonly<Record<string, Application>>,
    R extends Readonly<Record<string, Resource>>,
  > {
    /** What to run, by name; says nothing of permissions. */
    readonly applications: A
    /** What can be granted, by name. */
    readonly resources?: R
    /** What a person uses, by name: each an application, with the resources granted to it. */
    readonly instances: Readonly<Record<string, Instance<NoInfer<keyof A & string>, NoInfer<keyof R & string>>>>
    readonly settings?: Settings
  }

  /** The whole configuration of a machine: export it as default. */
  export function defineSystem<
    A extends Readonly<Record<string, Application>>,
    R extends Readonly<Record<string, Resource>> = Readonly<Record<never, Resource>>,
  >(system: SystemDefinition<A, R>): SystemDefinition<A, R>

  /** What a service of the host is called with: host-services/NAME.ts exports (call) => exit status as default. */
  export interface HostServiceCall {
    /** The calling domain. */
    readonly source: string
    /** From the domain, as all below. */
    readonly argument: string
    readonly requestedTarget: string
    readonly stdin: AsyncIterable<Uint8Array>
    readonly stdout: { write(text: string | Uint8Array): boolean }
    readonly stderr: { write(text: string | Uint8Array): boolean }
  }

  /** Packages from Debian's archive, or from one laid out like it. */
  export function debian(source: Omit<DebianSource, "kind">): DebianSource

  /** A tree of the state store. Kept are its files and their versions; nothing else that an instance writes is. */
  export function state(
    tree: string,
    options?: {
      readonly at?: string | null
      readonly access?: "read" | "write" | null
      readonly quotaMiB?: number | null
    },
  ): DirectoryResource

  /** A directory of this machine: absolute, or beginning with "~/". To be read only, where nothing else is said. */
  export function hostDirectory(
    path: string,
    options?: { readonly at?: string | null; readonly access?: "read" | "write" | null },
  ): DirectoryResource

  type KeysIn<D, K extends string> = D extends Readonly<Record<K, infer S>> ? keyof S & string : never

  /** What was imported from skerry.json, with its names known; checked like all else. */
  export function fromJson<const D extends object>(
    json: D,
  ): {
    readonly applications: Readonly<Record<KeysIn<D, "applications">, Application>>
    readonly resources: Readonly<Record<KeysIn<D, "resources">, Resource>>
    readonly instances: Readonly<
      Record<KeysIn<D, "instances">, Instance<KeysIn<D, "applications">, KeysIn<D, "resources">>>
    >
    readonly settings: Settings
  }
}
`
}

/** Pure: the text of tsconfig.json beside a configuration. */
export function editorProject(): string {
  const project = {
    compilerOptions: {
      target: "esnext",
      module: "esnext",
      moduleResolution: "bundler",
      moduleDetection: "force",
      lib: ["esnext"],
      types: [],
      noEmit: true,
      strict: true,
      allowImportingTsExtensions: true,
      erasableSyntaxOnly: true,
      verbatimModuleSyntax: true,
      resolveJsonModule: true,
    },
    include: ["*.ts", "host-services/*.ts"],
  }
  return `${JSON.stringify(project, null, 2)}\n`
}
