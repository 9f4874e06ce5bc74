import { join } from "node:path"
import type { BuildResult } from "@skerry/image"
import { type OnProgress, printableLines } from "@skerry/model"
import type { CommandContext } from "../command.ts"
import { IMAGE_HOOKS } from "./hooks.ts"

/** Reads the configuration, builds what it says, and tells whoever uses images. */
export async function buildImages(
  context: CommandContext,
  update: boolean,
  onProgress: OnProgress,
): Promise<BuildResult> {
  const [config, image, { openLinux }] = await Promise.all([
    import("@skerry/config"),
    import("@skerry/image"),
    import("@skerry/linux"),
  ])
  const { paths, uid, signal } = context
  const loaded = await config.loadSystem(
    { configurationDirectory: paths.configuration },
    { program: config.configProgram(context.programUrl), uid, signal },
  )
  if (loaded.printed !== "") context.stderr.write(`${printableLines(loaded.printed.trimEnd())}\n`)
  const result = await image.buildSystem({
    paths,
    uid,
    temporary: context.environment.TMPDIR ?? "/tmp",
    system: loaded.system,
    programs: await image.findGuestPrograms(context.programUrl, image.bundleProgram),
    source: image.openDebianSource({ directory: join(paths.cache, "apt"), keyring: image.DEBIAN_KEYRING }),
    linux: openLinux(),
    update,
    now: Date.now,
    freeBytes: image.freeBytesOf,
    onProgress,
    onCheckpoint: () => {},
    signal,
  })
  for (const hook of IMAGE_HOOKS) await hook.afterBuild?.(context, result, onProgress)
  return result
}
