import type { PortHandler } from "@skerry/loop"
import { type CallState, type DamageRow, type PruneRow, STATE_METHODS } from "@skerry/rpc"
import { type Codec, decode, encode } from "@skerry/wire"
import type { Damage } from "./object-store.ts"
import { inSlices, sendRows, type Work, workOn } from "./state-calls.ts"
import type { OpenState, StateKeeper } from "./state-keeper.ts"
import { DamageFinder, problemsOf } from "./tree/find-damage.ts"
import { rootsOf } from "./tree/stored-tree.ts"

const { statePrune, stateVerify } = STATE_METHODS

/** Objects that are read and hashed between two looks at the clients. */
const VERIFIED_AT_ONCE = 64
/** Damaged objects that are told of: a disk that is gone has them all. */
const MOST_DAMAGED = 100_000

/** Versions go at once; what only they held goes in parts, between the turns of clients, also where the caller gives up. */
export function pruneHandler(keeper: StateKeeper): PortHandler {
  return {
    id: statePrune.id,
    start(call, untrustedParams) {
      const { dryRun, keep, tree } = decode(statePrune.params, untrustedParams)
      let stop = () => {}
      const work = workOn(call, () => stop())
      const { clock } = keeper
      act(work, () => {
        const { maintenance, store, versions } = keeper.open
        const trees = (tree === "" ? store.names : [tree]).map((name) => store.stored(name))
        const plans = trees.map((each) => versions.plan(each, keep))
        const removed = plans.flat().filter(({ isKept }) => !isKept).length
        const finish = (freedBytes: number) => {
          const answer = () => encode(statePrune.result, { removed, freedBytes: BigInt(freedBytes) })
          if (!work.isOver) sendRows(call, work, clock, plans.flat(), answer)
        }
        if (dryRun) return finish(0)
        for (const [index, each] of trees.entries()) versions.remove(each, dropped(plans[index] ?? []))
        if (!maintenance.mayCollect) return finish(0)
        const { objects } = store.objects.space()
        stop = progress(keeper, call, statePrune.down, () => [maintenance.marked, objects])
        maintenance.collect(({ failure, freedBytes }) => {
          stop()
          if (failure === undefined) finish(freedBytes)
          else work.fail(failure)
        })
      })
    },
  }
}

const dropped = (rows: readonly PruneRow[]) =>
  new Set(rows.filter(({ isKept }) => !isKept).map(({ version }) => version))

export function verifyHandler(keeper: StateKeeper): PortHandler {
  return {
    id: stateVerify.id,
    start(call, untrustedParams) {
      decode(stateVerify.params, untrustedParams)
      const held = new DisposableStack()
      const work = workOn(call, () => held.dispose())
      const { clock } = keeper
      let checked = 0
      act(work, () => {
        const open = keeper.open
        open.store.checkpoint()
        const { objects } = open.store.objects.space()
        held.defer(progress(keeper, call, stateVerify.down, () => [checked, Math.max(objects, checked)]))
        const parts = verified(open, held, (count) => {
          checked += count
        })
        inSlices(work, clock, parts, ({ damaged, rows }) => {
          const answer = { objects: BigInt(checked), damaged: BigInt(damaged) }
          sendRows(call, work, clock, rows, () => encode(stateVerify.result, answer))
        })
      })
    },
  }
}

/** Reads every object, then looks where damaged and missing ones are met. What it looks through is kept until `held` ends. */
function* verified(
  { store }: OpenState,
  held: DisposableStack,
  onChecked: (count: number) => void,
): Generator<void, { readonly damaged: number; readonly rows: readonly DamageRow[] }, undefined> {
  const damage: Damage[] = []
  let cursor: string | undefined
  do {
    const some = store.objects.verify(cursor, VERIFIED_AT_ONCE)
    cursor = some.cursor
    if (damage.length < MOST_DAMAGED) damage.push(...some.damage)
    onChecked(some.checked)
    yield
  } while (cursor !== undefined)
  const finder = new DamageFinder(store.nodes, problemsOf(store.objects, damage))
  const roots = store.names.flatMap((name) => rootsOf(store.stored(name)).map((each) => ({ name, ...each })))
  for (const { root } of roots) held.defer(store.pins.pin(root))
  for (const { name, root, version } of roots) yield* finder.look(name, version, root)
  const { met, rows } = finder
  const unmet = damage.filter(({ digest, kind }) => !met.has(`${kind} ${digest}`))
  const nowhere = unmet.map(({ problem }) => ({ problem, tree: "", versions: [], path: "" }))
  return { damaged: unmet.length + met.size, rows: [...rows, ...nowhere] }
}

/** Tells the caller twice a second; what is returned ends that. */
function progress<D extends { readonly done: bigint; readonly total: bigint }>(
  { clock }: StateKeeper,
  call: CallState,
  codec: Codec<D>,
  look: () => readonly [done: number, total: number],
): () => void {
  let giveUp = () => {}
  const tell = () => {
    const [done, total] = look()
    call.sendEvent(encode(codec, { done: BigInt(done), total: BigInt(total) } as D))
    giveUp = clock.after(500, tell)
  }
  giveUp = clock.after(500, tell)
  return () => giveUp()
}

function act(work: Work, action: () => void): void {
  try {
    action()
  } catch (error) {
    work.fail(error)
  }
}
