import type { DamageRow } from "@skerry/rpc"
import type { Damage } from "../object-store.ts"
import { DamageFinder, problemsOf } from "../tree/find-damage.ts"
import type { StateStore } from "../tree/state-store.ts"
import { digestOfRow } from "../tree/version-log.ts"

/** Re-reads everything, and says where what is wrong is met. */
export function verifyTrees(store: StateStore): readonly DamageRow[] {
  const damage: Damage[] = []
  let cursor: string | undefined
  do {
    const some = store.objects.verify(cursor, 1000)
    cursor = some.cursor
    damage.push(...some.damage)
  } while (cursor !== undefined)
  const finder = new DamageFinder(store.nodes, problemsOf(store.objects, damage))
  for (const name of store.names) {
    const { state, versions } = store.stored(name)
    for (const row of versions.rows) for (const _ of finder.look(name, row.version, digestOfRow(row)));
    for (const _ of finder.look(name, 0, state.work.keep()));
  }
  return finder.rows
}
