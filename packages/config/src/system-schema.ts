import {
  type ApplicationName,
  type InstanceName,
  InvalidName,
  parseApplicationName,
  parseInstanceName,
  parseResourceName,
  type ResourceName,
} from "@skerry/model"
import { directory, grant, grantFields, stateFields } from "./directory-schema.ts"
import { CONFIG_LIMITS } from "./limits.ts"
import { listOf, mapOf, setOf } from "./schema/collections.ts"
import { ignored, object, optional, required } from "./schema/object.ts"
import { bool, integer, oneOf, orNull, text } from "./schema/scalars.ts"
import { notYet, tagged } from "./schema/tagged.ts"

/*
 * The configuration, described once. Its checks, defaults, JSON Schema (json-schema.ts) and types (entry.ts,
 * editor-files.ts) follow from what stands here.
 */

const MAX_MEMORY_MIB = 1024 * 1024

const NAME_PATTERN = /^(?!(?:constructor|dom0)$)[a-z][a-z0-9-]{0,30}$/
const NAME_ALLOWED =
  '1 to 31 characters of a–z, 0–9 and "-", starting with a letter, and not "constructor" or "dom0"'

function names<N extends string>(parseName: (untrustedName: string) => N) {
  return {
    allowed: NAME_ALLOWED,
    pattern: NAME_PATTERN,
    parse(untrustedName: string): N | undefined {
      try {
        return parseName(untrustedName)
      } catch (error) {
        if (error instanceof InvalidName) return undefined
        throw error
      }
    },
  }
}

const word = (allowed: string, pattern: RegExp, max = 128) => text({ allowed, pattern, max })

/** A trailing "-" or "+" would tell apt to remove a package, or to mark it. */
const packageName = word(
  "the name of a Debian package, such as poppler-utils",
  /^[a-z0-9](?:[a-z0-9.+-]*[a-z0-9])?(?:\+\+)?$/,
)

export const debianFields = {
  kind: required(oneOf("debian"), "The package source: Debian's archive, or one laid out like it."),
  suite: optional(
    word("the name of a suite, such as bookworm", /^[a-z][a-z0-9-]*$/),
    "bookworm",
    "The release that packages are taken from.",
  ),
  mirror: optional(
    word(
      '"host", or a URL that starts with http://, https:// or file://',
      /^(?:host|(?:https?|file):\/\/[\w./:~%@+[\]-]+)$/,
      1024,
    ),
    "host",
    'Where packages are downloaded from; "host" is the mirror that this machine\'s own apt uses.',
  ),
  components: optional(
    setOf(word("a component of the archive, such as main", /^[a-z][a-z0-9-]*$/), { min: 1, max: 16 }),
    ["main"],
    "Parts of the archive.",
  ),
  packages: required(setOf(packageName, { min: 1, max: CONFIG_LIMITS.items }), "Packages to install."),
  documentation: optional(bool, false, "Keep manual pages and other documentation."),
  locales: optional(
    setOf(word("a locale, such as de or pt_BR", /^[a-z]{2,3}(?:_[A-Z]{2})?(?:@[a-z]+)?$/), { max: 256 }),
    [],
    "Translations to keep.",
  ),
} as const

const debianSource = object(debianFields, { typeText: "DebianSource" })

const NO_NUL = /^[^\0]*$/u

export const applicationFields = {
  source: required(tagged("package source", { debian: debianSource }), "Where its files come from."),
  command: required(
    listOf(word("text without NUL, at most 4096 characters", NO_NUL, 4096), { min: 1, max: 256 }),
    "What `skerry run` runs where no command is given: the program, then its arguments.",
  ),
  environment: optional(
    mapOf(
      {
        allowed: 'the name of a variable: letters, digits and "_", not starting with a digit',
        pattern: /^(?!__proto__$)[A-Za-z_][A-Za-z0-9_]{0,127}$/,
        parse(untrustedName: string): string | undefined {
          return this.pattern.test(untrustedName) ? untrustedName : undefined
        },
      },
      word("text without NUL, at most 32768 characters", NO_NUL, 32_768),
      { max: 256 },
    ),
    {},
    "Environment variables of its commands.",
  ),
  user: optional(oneOf("user", "root"), "user", "Who runs its commands, inside the domain."),
  workingDirectory: optional(
    word('an absolute path without "." and ".." in it', /^(?!.*\/\.{0,2}(?:\/|$))\/[^\0]+$|^\/$/u, 1024),
    "/home/user",
    "Where its commands start.",
  ),
} as const

const application = object(applicationFields, { typeText: "Application" })

export const serviceFields = {
  kind: required(oneOf("service"), "A service elsewhere: an instance that has it granted may call it."),
  service: required(
    word("the name of a service, such as qubes.Filecopy", /^[A-Za-z0-9_.-]+$/),
    "The service's name.",
  ),
  argument: optional(
    word('"*" for any, or "+" and the argument', /^(?:\*|\+[A-Za-z0-9_.+-]*)$/, 1024),
    "*",
    'The one argument that may be given, after a "+"; "*" is any.',
  ),
  target: required(
    word("an instance, @dispvm, @dispvm:INSTANCE or @adminvm", /^[a-z@][a-z0-9:-]*$/),
    "Who has the service.",
  ),
  verdict: optional(
    oneOf("ask", "allow"),
    "ask",
    "Is the user asked for each call, or is it simply allowed?",
  ),
} as const

/** To build a kind: describe it with object() in place of its `notYet`, and add it to the model's Resource. */
export const RESOURCE_KINDS = {
  directory,
  network: notYet,
  device: notYet,
  service: object(serviceFields, { typeText: "ServiceResource" }),
} as const

export const resource = tagged("resource", RESOURCE_KINDS)

/** Any text here: normalise() looks whether the name is declared, and only usable names can be. */
const reference = <N extends string>(allowed: string, typeText: string) =>
  text<N>({ allowed, pattern: NO_NUL, max: 128, typeText })

/** A disposable has a tag disposable-of-INSTANCE of its own accord. */
const TAG = /^(?!disposable-of-)[a-z0-9][a-z0-9_.-]*$/

const disposableName = reference<InstanceName>("the name of an instance with disposableTemplate", "string")

const resourceName = reference<ResourceName>("the name of a resource", "Resources")
export const instanceGrantFields = grantFields(resourceName)

export const instanceFields = {
  application: required(
    reference<ApplicationName>("the name of an application", "Applications"),
    "The application that it runs.",
  ),
  grants: optional(
    listOf(grant(resourceName), { max: 256 }),
    [],
    "Resources that it may use. Without any it has no network, no files of this machine and no devices.",
  ),
  isolation: optional(
    oneOf("vm", "process"),
    "vm",
    'The least isolation that it accepts: "vm" has a kernel of its own, "process" is lighter and weaker.',
  ),
  memoryMiB: optional(integer({ min: 64, max: MAX_MEMORY_MIB }), 256, "Memory, in MiB."),
  vcpus: optional(integer({ min: 1, max: 64 }), 1, "Virtual processors."),
  processes: optional(
    integer({ min: 16, max: 65_536 }),
    512,
    "The most processes and threads that this machine allows it.",
  ),
  cpuWeight: optional(
    integer({ min: 1, max: 10_000 }),
    100,
    "Its share of the processors where they are short; 100 is an ordinary one.",
  ),
  tags: optional(
    setOf(word('a tag: a–z, 0–9, "_", "." and "-", not beginning with disposable-of-', TAG, 63), { max: 64 }),
    [],
    "Words that rules of the policy may name it by: @tag:WORD.",
  ),
  disposableTemplate: optional(bool, false, "May other domains have disposables of it made?"),
  defaultDisposable: optional(
    orNull(disposableName),
    null,
    "What @dispvm means for it: an instance with disposableTemplate; null is what settings say.",
  ),
} as const

const instance = object(instanceFields, { typeText: "Instance<Applications, Resources>" })

export const standbyFields = {
  perImage: optional(
    integer({ min: 0, max: 64 }),
    1,
    "Domains kept ready for each image used recently; 0 turns this off.",
  ),
  memoryMiB: optional(
    integer({ min: 0, max: MAX_MEMORY_MIB }),
    512,
    "The most memory that all of them may take, in MiB.",
  ),
} as const

export const limitsFields = {
  domains: optional(integer({ min: 1, max: 4096 }), 128, "Domains at once; more are refused."),
  startsAtOnce: optional(integer({ min: 1, max: 64 }), 2, "Domains that start at the same time; more wait."),
  startsWaiting: optional(
    integer({ min: 0, max: 65_536 }),
    1024,
    "Starts that may wait in line; more are refused.",
  ),
} as const

export const callsFields = {
  atOnce: optional(
    integer({ min: 1, max: 4096 }),
    256,
    "Calls of one domain that are open; more are refused.",
  ),
  perSecond: optional(
    integer({ min: 1, max: 1_000_000 }),
    1000,
    "New calls of one domain, sustained; more are refused.",
  ),
  burst: optional(
    integer({ min: 1, max: 1_000_000 }),
    2000,
    "New calls of one domain at one time, after a quiet while.",
  ),
  promptSeconds: optional(
    integer({ min: 1, max: 3600 }),
    120,
    "How long a prompt waits for its answer; then the call is refused.",
  ),
  depth: optional(integer({ min: 1, max: 64 }), 8, "Calls that are made because of calls, in a row."),
} as const

export const settingsFields = {
  standby: optional(object(standbyFields), {}, "Domains that are started before they are asked for."),
  limits: optional(object(limitsFields), {}, "Bounds on everything that runs at once."),
  defaultDisposable: optional(
    orNull(disposableName),
    null,
    "What @dispvm means where an instance does not say: an instance with disposableTemplate; null is none.",
  ),
  calls: optional(object(callsFields), {}, "Bounds on calls between domains."),
  state: optional(object(stateFields), {}, "The state store: what it keeps, and where its server runs."),
} as const

const settings = object(settingsFields, { typeText: "Settings" })

const section = (typeText: string) => ({ max: CONFIG_LIMITS.names, typeText })

export const systemFields = {
  $schema: ignored(word("the address of a JSON Schema", /^[^\0]*$/u, 1024), "For editors: the JSON Schema."),
  applications: required(
    mapOf(names<ApplicationName>(parseApplicationName), application, section("Application")),
    "What to run, by name; says nothing of permissions.",
  ),
  resources: optional(
    mapOf(names<ResourceName>(parseResourceName), resource, section("Resource")),
    {},
    "What can be granted, by name.",
  ),
  instances: required(
    mapOf(names<InstanceName>(parseInstanceName), instance, section("Instance<Applications, Resources>")),
    "What a person uses, by name: each an application, with the resources granted to it.",
  ),
  settings: optional(settings, {}, "How this machine shares what it has."),
} as const

export const systemSchema = object(systemFields)
