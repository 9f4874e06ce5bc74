import {
  directoriesOf,
  type InstanceName,
  InvalidName,
  nearMatch,
  parseTreeName,
  quoted,
  type System,
} from "@skerry/model"
import { CliError } from "../cli-error.ts"
import type { CommandContext } from "../command.ts"

/** In front of a name: the tree is meant, whatever instances are called. */
const TREE = "tree:"

/** Pure: the tree that a word on the command line means. Throws CliError. */
export function treeOf(system: System | undefined, word: string): string {
  if (word.startsWith(TREE)) return checked(word.slice(TREE.length))
  if (system === undefined || !Object.hasOwn(system.instances, word)) {
    if (system === undefined || allTrees(system).includes(word)) return checked(word)
    const names = [...Object.keys(system.instances), ...allTrees(system)]
    const near = nearMatch(word, names)
    // It may be the tree of an instance that is no more: the store knows.
    if (near === undefined) return checked(word)
    throw new CliError(
      "refused",
      `There is no instance ${quoted(word)}: did you mean ${near}? (A tree that nothing has granted any more is written ${TREE}NAME.)`,
    )
  }
  const trees = treesOf(system, word as InstanceName)
  const [only, ...others] = trees
  if (only === undefined) {
    throw new CliError(
      "refused",
      `Instance ${quoted(word)} keeps nothing: no tree of the state store is granted to it (docs/state.md)`,
    )
  }
  if (others.length === 0 || trees.includes(word)) return others.length === 0 ? only : word
  throw new CliError("refused", `Instance ${quoted(word)} has several trees, name one: ${trees.join(", ")}`)
}

export function treesOf(system: System, instance: InstanceName): readonly string[] {
  const trees = directoriesOf(system, instance).flatMap(({ origin }) =>
    origin.kind === "state" ? [origin.tree] : [],
  )
  return [...new Set(trees)].sort()
}

const allTrees = (system: System) =>
  Object.values(system.resources).flatMap((resource) =>
    resource.kind === "directory" && resource.origin.kind === "state" ? [resource.origin.tree as string] : [],
  )

function checked(name: string): string {
  try {
    return parseTreeName(name)
  } catch (error) {
    if (error instanceof InvalidName) throw new CliError("usage", error.message, { cause: error })
    throw error
  }
}

/** What was built and is current; undefined: nothing yet. */
export async function currentSystem({ paths }: Pick<CommandContext, "paths">): Promise<System | undefined> {
  const { GenerationStore } = await import("@skerry/image")
  const store = new GenerationStore(paths.state)
  const number = await store.currentNumber()
  return number === undefined ? undefined : (await store.read(number)).system
}

export const resolveTree = async (context: Pick<CommandContext, "paths">, word: string): Promise<string> =>
  treeOf(await currentSystem(context), word)
