import { printable } from "@skerry/model"
import { defineCommand } from "../command.ts"

export const command = defineCommand({
  name: "init",
  summary: "Write a starter configuration",
  description: [
    "Writes skerry.config.ts with two applications and three instances to try, and beside it what an editor needs to complete and check it. A configuration that exists is not touched.",
  ],
  arguments: [],
  options: {
    force: { kind: "flag", summary: "Start again: the old configuration is kept as skerry.config.ts.old" },
    editor: { kind: "flag", summary: "Only bring the files for editors up to date" },
  },
  examples: [
    { command: "skerry init", summary: "Write a starter configuration, then look at it" },
    { command: "SKERRY_HOME=/tmp/trial skerry init", summary: "Keep everything of a trial in one folder" },
  ],
  async run(context, { options }) {
    const { initialise, writeEditorFiles } = await import("@skerry/config")
    const directory = context.paths.configuration
    const written = options.editor
      ? writeEditorFiles(directory)
      : initialise(directory, { force: options.force })
    const lines = written.map((path) => `Wrote ${printable(path)}\n`).join("")
    context.stdout.write(options.editor ? lines : `${lines}Next: skerry build\n`)
    return 0
  },
})
