import {
  type Application,
  directoriesOf,
  type GrantedDirectory,
  type Instance,
  type InstanceName,
  type Resource,
  type System,
} from "@skerry/model"
import type { Policy } from "@skerry/policy"
import { type Access, listed, named, type Subject } from "./access.ts"
import { allowedCalls } from "./allowed-calls.ts"
import { callWords } from "./call-words.ts"
import { ruleAccesses } from "./rule-words.ts"

/** Pure: all that a configuration and its policy say, in plain words; undefined: the policy cannot be read, and refuses all. */
export function accessesOf(system: System, policy: Policy | undefined, nowMs: number): readonly Access[] {
  const instances = Object.entries<Instance>(system.instances)
  return [
    ...instances.flatMap(([name, instance]) => ofInstance(system, name as InstanceName, instance)),
    ...(policy === undefined ? [unusablePolicy] : ofPolicy(system, policy, nowMs)),
    ...Object.entries<Application>(system.applications).flatMap(ofApplication),
    ...Object.entries<Resource>(system.resources).flatMap((entry) => ofResource(system, entry)),
    ...ofSettings(system.settings, "settings"),
  ]
}

const unusablePolicy: Access = {
  subject: { kind: "policy", name: "" },
  topic: "usable",
  weight: "grave",
  sentence: "cannot be used, so that every call between domains is refused",
}

function ofPolicy(system: System, policy: Policy, nowMs: number): Access[] {
  const calls = allowedCalls(system, policy, nowMs).map(
    ({ subject, call }): Access => ({
      subject,
      topic: `call ${call.service} ${call.target} ${call.user ?? ""}`,
      weight: "access",
      sentence: callWords([call]),
      call,
    }),
  )
  return [...calls, ...ruleAccesses(policy)]
}

function ofInstance(system: System, name: InstanceName, instance: Instance): Access[] {
  const subject: Subject = { kind: "instance", name }
  const application = system.applications[instance.application]
  const { memoryMiB, vcpus, processes, cpuWeight, tags, disposableTemplate, defaultDisposable } = instance
  const one = (number: number, word: string) => `${number} ${word}${number === 1 ? "" : "s"}`
  const size = `${memoryMiB} MiB of memory, ${one(vcpus, "processor")}, ${processes} processes`
  const facts: readonly (readonly [string, Access["weight"], string | undefined])[] = [
    [
      "isolation",
      "grave",
      instance.isolation === "process"
        ? "accepts level `process`: it shares this machine's kernel"
        : undefined,
    ],
    ["user", "access", application?.user === "root" ? "runs as root inside its domain" : undefined],
    ["application", "detail", `runs the application ${named(instance.application)}`],
    ["size", "detail", `has ${size}, and a share of ${cpuWeight} of the processors`],
    [
      "template",
      "access",
      disposableTemplate ? "may be taken for disposables of other instances" : undefined,
    ],
    [
      "disposable",
      "detail",
      defaultDisposable === null ? undefined : `has disposables of ${named(defaultDisposable)}`,
    ],
  ]
  return [
    ...directoriesOf(system, name).map((directory) => ofDirectory(system, name, directory)),
    ...ofUnknownGrants(system, subject, instance),
    ...facts.flatMap(([topic, weight, sentence]) =>
      sentence === undefined ? [] : [{ subject, topic, weight, sentence }],
    ),
    ...ofList(subject, "tags", "has the tags", tags),
  ]
}

/** An empty list says nothing. */
const ofList = (subject: Subject, topic: string, words: string, items: readonly string[]): Access[] =>
  items.length === 0
    ? []
    : [{ subject, topic, weight: "detail", sentence: `${words} ${listed(items)}`, items }]

function ofDirectory(system: System, name: InstanceName, directory: GrantedDirectory): Access {
  const { origin, at, access } = directory
  const topic = `directory ${JSON.stringify(origin.kind === "host" ? origin.path : origin.tree)} ${at}`
  const subject: Subject = { kind: "instance", name }
  const may = access === "write" ? "may read and write" : "may read"
  if (origin.kind === "host") {
    const sentence = `${may} ${named(origin.path)} of this machine, at ${named(at)}`
    return { subject, topic, weight: "grave", sentence }
  }
  const others = Object.keys(system.instances).filter(
    (other) =>
      other !== name &&
      directoriesOf(system, other as InstanceName).some(
        (each) => each.origin.kind === "state" && each.origin.tree === origin.tree,
      ),
  )
  const shared = others.length === 0 ? "" : `, together with ${listed(others)}`
  const keeps = access === "write" ? "keeps its files in" : "may read"
  const sentence = `${keeps} the tree ${named(origin.tree)}, at ${named(at)}${shared}`
  return { subject, topic, weight: "access", sentence }
}

const KINDS: readonly string[] = ["service", "directory"] satisfies readonly Resource["kind"][]

/** What another version of Skerry wrote can have kinds that this one does not know: they must not go unmentioned. */
function ofUnknownGrants(system: System, subject: Subject, { grants }: Instance): Access[] {
  return grants.flatMap(({ resource }): Access[] => {
    const kind: string | undefined = system.resources[resource]?.kind
    if (kind !== undefined && KINDS.includes(kind)) return []
    const sentence = `has ${named(resource)} granted, of a kind (${named(String(kind))}) that this version does not know`
    return [{ subject, topic: `grant ${resource}`, weight: "grave", sentence }]
  })
}

function ofApplication([name, application]: readonly [string, Application]): Access[] {
  const subject: Subject = { kind: "application", name }
  const { source, command, environment, workingDirectory } = application
  const variables = Object.entries(environment).map(([variable, value]) => `${variable}=${value}`)
  const locales = source.locales.length === 0 ? "" : `, locales ${listed(source.locales)}`
  const documentation = source.documentation ? ", with documentation" : ""
  return [
    ...(source.mirror === "host"
      ? []
      : [
          {
            subject,
            topic: "mirror",
            weight: "access",
            sentence: `takes its packages from ${named(source.mirror)}, not from the mirror of this machine`,
          } as const,
        ]),
    {
      subject,
      topic: "archive",
      weight: "detail",
      sentence: `is made of ${named(source.suite)} (${listed(source.components)})${locales}${documentation}`,
    },
    ...ofList(subject, "packages", "has the packages", source.packages),
    { subject, topic: "command", weight: "detail", sentence: `runs ${command.map(named).join(" ")}` },
    ...ofList(subject, "variables", "has the variables", variables),
    { subject, topic: "directory", weight: "detail", sentence: `starts in ${named(workingDirectory)}` },
  ]
}

/** What a resource is, its grants say. */
function ofResource(system: System, [name, resource]: readonly [string, Resource]): Access[] {
  const subject: Subject = { kind: "resource", name }
  const isGranted = Object.values(system.instances).some(({ grants }) =>
    grants.some((grant) => grant.resource === name),
  )
  if (!isGranted) {
    const sentence = `is granted to nobody: ${plainJson(resource)}`
    return [{ subject, topic: "resource", weight: "detail", sentence }]
  }
  if (resource.kind !== "directory" || resource.origin.kind !== "state") return []
  const { quotaMiB, tree } = resource.origin
  if (quotaMiB === null) return []
  const sentence = `holds at most ${quotaMiB} MiB in the tree ${named(tree)}`
  return [{ subject, topic: "quota", weight: "detail", sentence }]
}

const plainJson = (value: unknown) => named(JSON.stringify(value))

/** One sentence for each value, by its path. */
function ofSettings(value: unknown, path: string): Access[] {
  if (typeof value === "object" && value !== null) {
    return Object.entries(value).flatMap(([key, member]) => ofSettings(member, `${path}.${key}`))
  }
  const subject: Subject = { kind: "settings", name: "" }
  return [{ subject, topic: path, weight: "detail", sentence: `${named(path)} is ${plainJson(value)}` }]
}
