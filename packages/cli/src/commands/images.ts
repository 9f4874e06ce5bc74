import { stat } from "node:fs/promises"
import { defineCommand } from "../command.ts"
import { showBytes } from "../render/amount.ts"
import { showJson, table } from "../render/table.ts"

export const command = defineCommand({
  name: "images",
  summary: "List the images of the current generation",
  arguments: [],
  options: { json: { kind: "flag", summary: "As JSON, with the files of each image" } },
  examples: [{ command: "skerry images", summary: "Which image each application has, and its size" }],
  async run(context, { options }) {
    const { loadCurrent } = await import("@skerry/image")
    const { number, images } = await loadCurrent(context.paths)
    if (options.json) {
      context.stdout.write(showJson({ generation: number, images: [...images.values()] }))
      return 0
    }
    const rows = await Promise.all(
      [...images.values()].map(async (image) => {
        const [base, own] = image.layers
        const sizeOf = async (path: string | undefined) => (path === undefined ? 0 : (await stat(path)).size)
        return { image, base: await sizeOf(base?.path), own: await sizeOf(own?.path) }
      }),
    )
    context.stdout.write(
      table(rows, [
        { title: "APPLICATION", cell: ({ image }) => image.name },
        { title: "IMAGE", cell: ({ image }) => image.digest.slice(0, "sha256:".length + 12) },
        { title: "OWN LAYER", align: "right", cell: ({ own }) => showBytes(own) },
        { title: "SHARED BASE", align: "right", cell: ({ base }) => showBytes(base) },
      ]),
    )
    return 0
  },
})
