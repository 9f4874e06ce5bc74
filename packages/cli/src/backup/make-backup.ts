import { readFile } from "node:fs/promises"
import { parseInstanceName, printable, printableLines, VERSION } from "@skerry/model"
import { STATE_METHODS } from "@skerry/rpc"
import { CliError } from "../cli-error.ts"
import type { CommandContext } from "../command.ts"
import { showBytes } from "../render/amount.ts"
import { Progress } from "../render/progress.ts"
import { showJson } from "../render/table.ts"
import { openState } from "../state/open-state.ts"
import { currentSystem, resolveTree, treesOf } from "../state/tree-of.ts"
import { type BackupReport, backUp } from "./back-up.ts"
import { collectConfiguration } from "./configuration-files.ts"
import { DaemonState } from "./daemon-state.ts"
import type { Backup } from "./manifest.ts"
import { type OpenOptions, openForWriting, openPlaceFor, rememberSeen, STREAM } from "./open-backup.ts"
import type { StateSource } from "./state-access.ts"
import { StreamOut } from "./stream-place.ts"

export interface MakeOptions extends OpenOptions {
  readonly instance: readonly string[]
  readonly tree: readonly string[]
  readonly "no-state": boolean
  readonly versions: string | undefined
  readonly "accept-older": boolean
  readonly quiet: boolean
  readonly json: boolean
}

export async function makeBackup(
  context: CommandContext,
  word: string,
  options: MakeOptions,
): Promise<number> {
  checkWords(options)
  await using place = await openPlaceFor(context, word, "write")
  const vault = await openForWriting(context, place, word, options)
  const about = await describeSystem(context)
  const configuration = await collectConfiguration(context.paths.configuration)
  for (const path of configuration.leftOut) context.stderr.write(`Left out: ${printable(path)}\n`)
  const { source, trees } = await chooseState(context, options)
  const { describeNode } = await import("@skerry/files/describe-node")
  using progress = options.quiet ? undefined : new Progress(context.stderr, context.now)
  const report = await backUp({
    vault,
    configuration,
    about,
    source,
    describe: describeNode,
    trees,
    versions: options.versions === "last" ? "last" : "all",
    now: Date.now(),
    onProgress: progress?.onProgress ?? (() => {}),
    signal: context.signal,
  })
  progress?.[Symbol.dispose]()
  if (place instanceof StreamOut) await place.finish()
  await rememberSeen(context, word, vault.id, report.chain)
  // Standard output may be the backup itself.
  const output = word === STREAM ? context.stderr : context.stdout
  output.write(options.json ? showJson(reportRow(report)) : `${reportWords(report)}\n`)
  return 0
}

function checkWords(options: MakeOptions): void {
  if (options["no-state"] && options.tree.length + options.instance.length > 0) {
    throw new CliError("usage", "--no-state goes with neither --tree nor --instance")
  }
}

function reportRow({ backup, newBytes, reusedBytes }: BackupReport) {
  const trees = backup.trees.map(({ tree, versions }) => ({ tree, versions: versions.length }))
  return { backup: backup.number, configuration: backup.configuration, trees, newBytes, reusedBytes }
}

function reportWords({ backup, newBytes, reusedBytes }: BackupReport): string {
  const versions = backup.trees.reduce((sum, tree) => sum + tree.versions.length, 0)
  const state =
    backup.trees.length === 0 ? "no state" : `${backup.trees.length} trees with ${versions} versions`
  const reused =
    reusedBytes === 0 ? "" : `, and ${showBytes(reusedBytes)} that an earlier attempt had written`
  return `Backup ${backup.number}: configuration and ${state}; ${showBytes(newBytes)} written${reused}`
}

/** What the backup says of the system besides its files: what it comes to, and which images belong to it. */
async function describeSystem(
  context: CommandContext,
): Promise<Pick<Backup, "skerry" | "configuration" | "images">> {
  const [{ configProgram, loadSystem }, { GenerationStore, lockPath }] = await Promise.all([
    import("@skerry/config"),
    import("@skerry/image"),
  ])
  const { paths, uid, signal } = context
  const program = configProgram(context.programUrl)
  const loaded = await loadSystem({ configurationDirectory: paths.configuration }, { program, uid, signal })
  if (loaded.printed !== "") context.stderr.write(`${printableLines(loaded.printed.trimEnd())}\n`)
  const about = { skerry: VERSION, configuration: loaded.digest as string }
  const store = new GenerationStore(paths.state)
  const number = await store.currentNumber()
  const generation = number === undefined ? undefined : await store.read(number)
  const lock = await readFile(lockPath(paths), "utf8").catch(() => "")
  if (generation?.systemDigest !== loaded.digest || !isSame(generation.lock, lock)) {
    const why =
      generation === undefined ? "was never built" : "is not what the current generation was built from"
    context.stderr.write(
      `The configuration ${why}: the backup names no images for a restore to compare with\n`,
    )
    return { ...about, images: [] }
  }
  const images = Object.entries<{ readonly digest: string }>(generation.images)
  return { ...about, images: images.map(([application, { digest }]) => ({ application, digest })) }
}

function isSame(lock: unknown, text: string): boolean {
  try {
    return sorted(JSON.parse(text)) === sorted(lock)
  } catch (error) {
    if (error instanceof SyntaxError) return false
    throw error
  }
}

const sorted = (value: unknown): string =>
  JSON.stringify(value, (_, part: unknown) =>
    part !== null && typeof part === "object" && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  )

async function chooseState(
  context: CommandContext,
  options: MakeOptions,
): Promise<{ readonly source: StateSource; readonly trees: readonly string[] }> {
  const names = [...options.tree, ...options.instance]
  if (options["no-state"]) return { source: NOTHING, trees: [] }
  const connection = await openState(context)
  const { status } = await connection.call(STATE_METHODS.stateStatus, undefined, { signal: context.signal })
    .result
  if (status === "absent" && names.length === 0) return { source: NOTHING, trees: [] }
  const source = new DaemonState(connection, context.signal)
  const there = (await source.trees()).map(({ tree }) => tree)
  if (names.length === 0) return { source, trees: there }
  const chosen = new Set<string>()
  for (const name of options.tree) chosen.add(await resolveTree(context, `tree:${name}`))
  const system = await currentSystem(context)
  for (const name of options.instance) {
    const trees =
      system !== undefined && Object.hasOwn(system.instances, name)
        ? treesOf(system, parseInstanceName(name))
        : undefined
    if (trees === undefined) throw new CliError("refused", `There is no instance ${JSON.stringify(name)}`)
    for (const tree of trees) chosen.add(tree)
  }
  for (const tree of chosen) {
    if (!there.includes(tree))
      throw new CliError(
        "refused",
        `There is no tree ${JSON.stringify(tree)}: "skerry state trees" lists them`,
      )
  }
  return { source, trees: [...chosen].sort() }
}

const NOTHING: StateSource = {
  trees: () => Promise.resolve([]),
  snapshot: () => Promise.resolve(),
  versions: () => Promise.resolve([]),
  async *objects() {},
}
