import { defineCommand } from "../command.ts"

/** Somebody waits for this with a finger on the Tab key. */
const DEADLINE_MS = 2000

export const command = defineCommand({
  name: "complete-words",
  summary: "List the instances, one per line, for a shell's completion",
  arguments: [],
  options: {},
  examples: [],
  async run(context) {
    const { ConfigError, configProgram, loadSystem } = await import("@skerry/config")
    try {
      const { system } = await loadSystem(
        { configurationDirectory: context.paths.configuration },
        { program: configProgram(context.programUrl), uid: context.uid, deadlineMs: DEADLINE_MS },
      )
      context.stdout.write(
        Object.keys(system.instances)
          .map((name) => `${name}\n`)
          .join(""),
      )
    } catch (error) {
      // A configuration that cannot be used has nothing to complete; `skerry config check` says why.
      if (!(error instanceof ConfigError)) throw error
    }
    return 0
  },
})
