import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type OnProgress, printable } from "@skerry/model"
import { STATE_METHODS } from "@skerry/rpc"
import { auditText } from "../audit-config/audit-source.ts"
import { auditCurrent, auditDirectory } from "../audit-config/audited.ts"
import { differences } from "../audit-config/differences.ts"
import { CliError } from "../cli-error.ts"
import type { CommandContext } from "../command.ts"
import { Progress } from "../render/progress.ts"
import { showJson } from "../render/table.ts"
import { write } from "../render/write.ts"
import { openState } from "../state/open-state.ts"
import { writeConfiguration } from "./configuration-files.ts"
import { DaemonState } from "./daemon-state.ts"
import { BackupError } from "./errors.ts"
import { backupTable } from "./keep-backups.ts"
import type { Backup } from "./manifest.ts"
import { askPassphrase, checkSeen, type OpenOptions, openPlaceFor } from "./open-backup.ts"
import { checkEmpty, restore } from "./restore.ts"
import { chooseBackup, planRestore, readFiles } from "./restore-plan.ts"
import type { StateSink } from "./state-access.ts"
import { openVault, type Vault } from "./vault.ts"

export interface RestoreHereOptions extends OpenOptions {
  readonly from: string | undefined
  readonly "dry-run": boolean
  readonly evaluate: boolean
  readonly "no-build": boolean
  readonly quiet: boolean
  readonly json: boolean
}

export async function restoreHere(
  context: CommandContext,
  word: string,
  options: RestoreHereOptions,
): Promise<number> {
  const from = numberOf(options.from)
  const passphrase = await askPassphrase(context, options, false)
  await using source = await openPlaceFor(context, word, "read")
  const vault = await openVault(source, passphrase)
  const older = await checkSeen(context, word, vault)
  if (older !== undefined) context.stderr.write(`skerry restore: ${printable(older)}\n`)
  const backup = chooseBackup(vault, from)
  if (options["dry-run"]) return preview(context, vault, backup, options)
  using progress = options.quiet ? undefined : new Progress(context.stderr, context.now)
  const onProgress: OnProgress = progress?.onProgress ?? (() => {})
  const { signal, paths } = context
  const sink = backup.trees.length === 0 ? NOTHING : await openSink(context)
  const place = { configuration: paths.configuration, markerPath: join(paths.state, "restore.json"), sink }
  await checkEmpty(place, vault.id, backup)
  const plan = await planRestore(vault, backup, { onProgress, signal })
  const { writeDurably } = await import("@skerry/image")
  await restore({
    plan,
    ...place,
    writeDurably,
    examine: (directory) => examine(context, backup, directory, options["no-build"], onProgress),
    onProgress,
    signal,
  })
  progress?.[Symbol.dispose]()
  const { number, configuration, trees } = backup
  if (options.json) {
    context.stdout.write(showJson({ backup: number, configuration, trees: trees.map(({ tree }) => tree) }))
    return 0
  }
  const built = options["no-build"]
    ? "; images are not built yet: skerry build"
    : ", and its images are built"
  context.stdout.write(
    `Backup ${number} is restored: configuration ${configuration} and ${trees.length} trees, digests equal${built}\n`,
  )
  return 0
}

function numberOf(word: string | undefined): number | undefined {
  if (word === undefined) return undefined
  if (/^[1-9][0-9]{0,8}$/.test(word)) return Number(word)
  throw new CliError(
    "usage",
    `${JSON.stringify(word)} is no backup's number: "skerry backup list" shows them`,
  )
}

/** What would come, and whom it would let reach what. Writes nothing but a folder that goes again. */
async function preview(
  context: CommandContext,
  vault: Vault,
  backup: Backup,
  options: RestoreHereOptions,
): Promise<number> {
  const entries = await readFiles(vault, backup)
  const files = entries.map(({ names }) => Buffer.from(names.join("/"), "latin1").toString("utf8"))
  if (options.json) {
    context.stdout.write(showJson({ ...backup, files }))
    return 0
  }
  await write(context.stdout, `${backupTable([backup])}\nFiles of the configuration:\n`)
  for (const file of files) await write(context.stdout, `  ${printable(file)}\n`)
  const folder = await mkdtemp(join(tmpdir(), "skerry-restore-"))
  try {
    const directory = join(folder, "configuration")
    await writeConfiguration(directory, entries)
    const after = await auditDirectory(context, directory, options.evaluate, `backup ${backup.number}`)
    const before = await auditCurrent(context)
    const found = before === undefined ? [] : differences(before.accesses, after.accesses)
    await write(context.stdout, `\n${auditText(before, after, found)}`)
  } catch (error) {
    if (!(error instanceof CliError)) throw error
    await write(
      context.stdout,
      "\nThe configuration is a program; with --evaluate it is run apart, and what it gives access to is shown\n",
    )
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  return 0
}

async function openSink(context: CommandContext): Promise<StateSink> {
  const connection = await openState(context)
  const { status } = await connection.call(STATE_METHODS.stateStatus, undefined, { signal: context.signal })
    .result
  if (status === "open") return new DaemonState(connection, context.signal)
  throw new CliError(
    "refused",
    'The state needs a store to go to, with a key of its own: make one with "skerry state unlock", and run the restore again',
  )
}

/** The same configuration, and the same images made from its lock; else nothing of the backup is put in place. */
async function examine(
  context: CommandContext,
  backup: Backup,
  directory: string,
  withoutBuild: boolean,
  onProgress: OnProgress,
): Promise<void> {
  const [{ configProgram, loadSystem }, { GenerationStore }] = await Promise.all([
    import("@skerry/config"),
    import("@skerry/image"),
  ])
  const { uid, signal, paths } = context
  const loaded = await loadSystem(
    { configurationDirectory: directory },
    { program: configProgram(context.programUrl), uid, signal },
  )
  if (loaded.digest !== backup.configuration) {
    throw new BackupError(
      "differs",
      `The configuration comes out as ${loaded.digest} here, and was ${backup.configuration} when it was backed up (by Skerry ${backup.skerry}): nothing was restored`,
    )
  }
  if (withoutBuild) return
  const hadGenerations = (await new GenerationStore(paths.state).currentNumber()) !== undefined
  const { buildImages } = await import("../image/build-images.ts")
  const { images } = await buildImages(
    { ...context, paths: { ...paths, configuration: directory } },
    false,
    onProgress,
  )
  const built = new Map<string, string>([...images.values()].map(({ name, digest }) => [name, digest]))
  const different = backup.images.filter(({ application, digest }) => built.get(application) !== digest)
  if (different.length === 0) return
  if (!hadGenerations) await rm(join(paths.state, "generations"), { recursive: true, force: true })
  const words = different.map(
    ({ application, digest }) => `${application} was ${digest} and is ${built.get(application) ?? "missing"}`,
  )
  throw new BackupError(
    "differs",
    `The images come out differently (backed up by Skerry ${backup.skerry}): ${words.join("; ")}. Nothing was restored; with --no-build configuration and state are, and "skerry build" then makes images as they come out here`,
  )
}

const NOTHING: StateSink = {
  trees: () => Promise.resolve([]),
  versions: () => Promise.resolve([]),
  put: () => Promise.resolve(),
  adopt: () => Promise.resolve(),
  removeTree: () => Promise.resolve(),
}
