import { defineCommand } from "../command.ts"
import { showBytes } from "../render/amount.ts"
import { Progress } from "../render/progress.ts"
import { showJson } from "../render/table.ts"

export const command = defineCommand({
  name: "build",
  summary: "Build the images that the configuration describes",
  description: [
    "Packages are pinned in skerry.lock, next to the configuration: a build installs exactly these or fails. What is missing there is resolved and added. A build of a changed system is a new generation; the one before stays until gc removes it, and rollback returns to it.",
  ],
  arguments: [],
  options: {
    update: { kind: "flag", summary: "Resolve all packages anew, for security fixes and newer versions" },
    json: { kind: "flag", summary: "Print the generation and its images as JSON" },
  },
  examples: [
    { command: "skerry build", summary: "Build what changed" },
    { command: "skerry build --update", summary: "Take the newest packages of the suite" },
  ],
  async run(context, { options }) {
    const { buildImages } = await import("../image/build-images.ts")
    using progress = new Progress(context.stderr, Date.now)
    const result = await buildImages(context, options.update, progress.onProgress)
    progress[Symbol.dispose]()
    const images = [...result.images.values()]
    if (options.json) {
      const { generation, isNew, baseBytes } = result
      context.stdout.write(showJson({ generation, isNew, baseBytes, images }))
      return 0
    }
    context.stdout.write(
      result.isNew
        ? `Generation ${result.generation}: ${images.map((image) => image.name).join(", ")} (base ${showBytes(result.baseBytes)})\n`
        : `Generation ${result.generation} is up to date\n`,
    )
    return 0
  },
})
