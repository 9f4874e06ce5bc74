import type { BuildResult } from "@skerry/image"
import type { Digest, OnProgress } from "@skerry/model"
import type { CommandContext } from "../command.ts"

/** What else happens when images change, so that `build` and `gc` know nothing of who uses them. */
export interface ImageHooks {
  /** After a successful build, with its images: makes their templates, say. An error is the build's. */
  readonly afterBuild: (context: CommandContext, result: BuildResult, onProgress: OnProgress) => Promise<void>
  /** Digests of images that running domains need: `gc` leaves them. */
  readonly runningImages: (context: CommandContext) => Promise<readonly Digest[]>
  /** After `gc`: what was made from other images than these may go too. */
  readonly afterGc: (context: CommandContext, keptImages: ReadonlySet<Digest>) => Promise<void>
}

/** One entry for each user of images. */
export const IMAGE_HOOKS: readonly Partial<ImageHooks>[] = [
  {
    afterBuild: async (...parts) => (await import("./prepare-templates.ts")).prepareTemplates(...parts),
    afterGc: async ({ paths }, keptImages) => {
      const { collectDerived } = await import("@skerry/isolation")
      await collectDerived(paths.cache, keptImages)
    },
  },
  {
    runningImages: async (context) => (await import("./running-images.ts")).runningImages(context),
  },
]
