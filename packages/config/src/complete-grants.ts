import {
  type DirectoryResource,
  type Grant,
  type Instance,
  placesOverlap,
  quoted,
  type Resource,
  type ResourceName,
} from "@skerry/model"
import { itemPath, memberPath, type Report } from "./schema/problem.ts"

type Resources = Readonly<Record<string, Resource>>

/**
 * Grants with everything that they left to their resources, each once, in the order of names. Looks besides whether
 * directories can be had, and keep apart. Undeclared resources are reported elsewhere.
 */
export function completeGrants<I extends Pick<Instance, "grants" | "isolation">>(
  instances: Readonly<Record<string, I>>,
  resources: Resources,
  report: Report,
): Record<string, I> {
  const complete: Record<string, I> = Object.create(null)
  for (const [name, instance] of Object.entries(instances)) {
    const path = `${memberPath("instances", name)}.grants`
    const grants = instance.grants.map((grant, index) =>
      completed(grant, itemPath(path, index), resources, report),
    )
    lookAtPlaces(instance, grants, path, report)
    complete[name] = { ...instance, grants: withoutRepetition(grants) }
  }
  return complete
}

function completed(grant: Grant, path: string, resources: Resources, report: Report): Grant {
  const { resource: name, at, access } = grant
  const resource = Object.hasOwn(resources, name) ? resources[name] : undefined
  if (resource?.kind === "directory") {
    return { resource: name, at: at ?? resource.at, access: access ?? resource.access }
  }
  for (const [key, value] of Object.entries({ at, access })) {
    if (value === null || resource === undefined) continue
    report.add({
      path: `${path}.${key}`,
      found: quoted(value),
      allowed: `nothing: ${quoted(name)} is a ${resource.kind}, and only a directory has a place and an access`,
    })
  }
  return { resource: name, at: null, access: null }
}

function lookAtPlaces(
  { isolation }: Pick<Instance, "isolation">,
  grants: readonly Grant[],
  path: string,
  report: Report,
): void {
  const seen: Grant[] = []
  for (const [index, grant] of grants.entries()) {
    const { at } = grant
    if (at === null || seen.some((each) => isSame(each, grant))) continue
    const here = itemPath(path, index)
    if (isolation === "process") {
      report.add({
        path: here,
        found: `${quoted(grant.resource)}, a directory, with isolation "process"`,
        allowed: 'no directory, which only isolation "vm" can have',
      })
    }
    const other = seen.find((each) => each.at !== null && placesOverlap(each.at, at))
    if (other?.at !== undefined && other.at !== null) {
      report.add({
        path: here,
        found: `${quoted(grant.resource)} at ${quoted(at)}, where ${quoted(other.resource)} is at ${quoted(other.at)}`,
        allowed: `a place that is neither in nor above another one's, such as { resource: ${quoted(grant.resource)}, at: ${quoted(`/mnt/${grant.resource}`)} }`,
      })
    }
    seen.push(grant)
  }
}

function withoutRepetition(grants: readonly Grant[]): Grant[] {
  const kept: Grant[] = []
  for (const grant of grants) if (!kept.some((each) => isSame(each, grant))) kept.push(grant)
  const order = ({ resource, at }: Grant) => `${resource} ${at ?? ""}`
  return kept.sort((a, b) => (order(a) < order(b) ? -1 : 1))
}

const isSame = (a: Grant, b: Grant) => a.resource === b.resource && a.at === b.at && a.access === b.access

/** Resources that name the same tree must not give it different bounds. */
export function checkQuotas(resources: Resources, report: Report): void {
  const bounds = new Map<string, { readonly name: string; readonly quotaMiB: number | null }>()
  for (const [name, resource] of Object.entries(resources) as [ResourceName, Resource][]) {
    if (resource.kind !== "directory") continue
    const { origin }: DirectoryResource = resource
    if (origin.kind !== "state") continue
    const first = bounds.get(origin.tree)
    bounds.set(origin.tree, first ?? { name, quotaMiB: origin.quotaMiB })
    if (first === undefined || first.quotaMiB === origin.quotaMiB) continue
    report.add({
      path: `${memberPath("resources", name)}.origin.quotaMiB`,
      found: String(origin.quotaMiB),
      allowed: `${first.quotaMiB}, which ${quoted(first.name)} says for the same tree ${quoted(origin.tree)}`,
    })
  }
}
