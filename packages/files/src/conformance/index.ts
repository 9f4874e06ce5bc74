import { test } from "node:test"
import { attributeTests } from "./attributes.ts"
import { contentTests } from "./content.ts"
import { directoryTests } from "./directories.ts"
import { nameTests } from "./names.ts"
import { nodeTests } from "./nodes.ts"
import { renameTests } from "./rename.ts"
import { Scene, type TreeTarget } from "./scene.ts"

import { smallTests } from "./small.ts"

export type { TreeFixture, TreeTarget } from "./scene.ts"

/** Tests of one promise each, on a tree of their own. */
export type TreeTests = Readonly<Record<string, (scene: Scene) => void>>

/** What file-tree.ts promises of a back end, and what Linux's programs expect of a file system. */
export function fileTreeConformance(name: string, target: TreeTarget): void {
  const groups: readonly TreeTests[] = [
    nodeTests,
    nameTests,
    contentTests,
    directoryTests,
    renameTests,
    attributeTests,
  ]
  const run = (title: string, open: TreeTarget["open"], act: (scene: Scene) => void) =>
    test(`${name}: ${title}`, () => {
      using fixture = open()
      using scene = new Scene(fixture.tree)
      act(scene)
    })
  for (const group of groups) for (const [title, act] of Object.entries(group)) run(title, target.open, act)
  const { openSmall } = target
  if (openSmall === undefined) return
  for (const [title, { bytes, act }] of Object.entries(smallTests)) run(title, () => openSmall(bytes), act)
}
