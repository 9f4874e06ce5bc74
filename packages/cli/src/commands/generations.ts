import { defineCommand } from "../command.ts"
import { showJson, table } from "../render/table.ts"

export const command = defineCommand({
  name: "generations",
  summary: "List the generations that can be returned to",
  arguments: [],
  options: { json: { kind: "flag", summary: "As JSON" } },
  examples: [{ command: "skerry generations", summary: "Every generation, the current one marked" }],
  async run(context, { options }) {
    const { GenerationStore } = await import("@skerry/image")
    const store = new GenerationStore(context.paths.state)
    const current = await store.currentNumber()
    const rows = await Promise.all(
      (await store.numbers()).map(async (number) => {
        const generation = await store.read(number)
        return {
          number,
          isCurrent: number === current,
          createdAt: new Date(generation.createdAt).toISOString(),
          systemDigest: generation.systemDigest,
          applications: Object.keys(generation.images),
        }
      }),
    )
    if (options.json) {
      context.stdout.write(showJson(rows))
      return 0
    }
    context.stdout.write(
      table(rows, [
        { title: "GENERATION", align: "right", cell: ({ number }) => String(number) },
        { title: "", cell: ({ isCurrent }) => (isCurrent ? "current" : "") },
        { title: "BUILT", cell: ({ createdAt }) => createdAt.replace("T", " ").slice(0, 19) },
        { title: "APPLICATIONS", cell: ({ applications }) => applications.join(" ") },
      ]),
    )
    return 0
  },
})
