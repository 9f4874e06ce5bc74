import {
  directoriesOf,
  type GrantedDirectory,
  type Instance,
  type InstanceName,
  type System,
} from "@skerry/model"

/** A directory that the configuration grants to a domain. */
export interface PlannedDirectory extends GrantedDirectory {
  /** "private": a tree of the store that this instance alone has, so that its kernel may keep what it knows of it. */
  readonly sharing: "shared" | "private"
}

/** Pure. A disposable leaves nothing: it may read the state of its instance, and write none. */
export function plannedDirectories(
  system: System,
  name: InstanceName,
  isDisposable: boolean,
): PlannedDirectory[] {
  return directoriesOf(system, name).map((directory) => {
    if (directory.origin.kind === "host") return { ...directory, sharing: "shared" }
    const { tree } = directory.origin
    const isAlone = !isDisposable && countGrants(system, tree) === 1
    const access = isDisposable ? "read" : directory.access
    return { ...directory, access, sharing: isAlone ? "private" : "shared" }
  })
}

/** How often a tree is granted, to whomever. */
function countGrants(system: System, tree: string): number {
  return Object.entries<Instance>(system.instances).reduce((count, [name]) => {
    const granted = directoriesOf(system, name as InstanceName)
    return count + granted.filter(({ origin }) => origin.kind === "state" && origin.tree === tree).length
  }, 0)
}
