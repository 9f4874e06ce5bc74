import { type Grant, printable, printableLines, unreachable } from "@skerry/model"
import { type CommandContext, defineCommand } from "../command.ts"
import { showJson, table } from "../render/table.ts"

const ACTIONS = ["check", "show", "schema"] as const

export const command = defineCommand({
  name: "config",
  summary: "Check the configuration, or show it complete",
  description: [
    "check says whether the configuration can be used, and what is wrong with it. show prints the result with every default filled in. schema prints the JSON Schema of skerry.json.",
  ],
  arguments: [{ name: "ACTION", required: true, choices: ACTIONS }],
  options: { json: { kind: "flag", summary: "Print the complete configuration as JSON (check and show)" } },
  examples: [
    { command: "skerry config check", summary: "Find mistakes; nothing that runs is changed" },
    { command: "skerry config show --json", summary: "The complete configuration, for another program" },
    {
      command: "skerry config schema > skerry.schema.json",
      summary: "For editors and tools that write skerry.json",
    },
  ],
  async run(context, { options, positionals: [word] }) {
    const action = ACTIONS.find((each) => each === word) ?? "check"
    switch (action) {
      case "check":
        return check(context, options.json)
      case "show":
        return show(context, options.json)
      case "schema": {
        const { configurationJsonSchema } = await import("@skerry/config")
        context.stdout.write(showJson(configurationJsonSchema()))
        return 0
      }
      default:
        return unreachable(action)
    }
  },
})

async function load(context: CommandContext) {
  const { configProgram, loadSystem } = await import("@skerry/config")
  const loaded = await loadSystem(
    { configurationDirectory: context.paths.configuration },
    { program: configProgram(context.programUrl), uid: context.uid, signal: context.signal },
  )
  if (loaded.printed !== "") context.stderr.write(`${printableLines(loaded.printed.trimEnd())}\n`)
  return loaded
}

async function check(context: CommandContext, asJson: boolean): Promise<number> {
  const { file, files, digest, system } = await load(context)
  const counts = {
    applications: Object.keys(system.applications).length,
    instances: Object.keys(system.instances).length,
  }
  if (asJson) {
    context.stdout.write(showJson({ file, digest, files, ...counts }))
    return 0
  }
  const sources = files.length === 1 ? "" : ` and ${files.length - 1} more files`
  context.stdout.write(
    `${printable(file)}${sources}: good (applications: ${counts.applications}, instances: ${counts.instances})\n`,
  )
  return 0
}

async function show(context: CommandContext, asJson: boolean): Promise<number> {
  const { system, canonicalJson, digest } = await load(context)
  if (asJson) {
    context.stdout.write(`${canonicalJson}\n`)
    return 0
  }
  const applications = table(Object.entries(system.applications), [
    { title: "APPLICATION", cell: ([name]) => name },
    { title: "SUITE", cell: ([, application]) => application.source.suite },
    { title: "PACKAGES", cell: ([, application]) => application.source.packages.join(" ") },
    { title: "COMMAND", cell: ([, application]) => application.command.join(" ") },
  ])
  const instances = table(Object.entries(system.instances), [
    { title: "INSTANCE", cell: ([name]) => name },
    { title: "APPLICATION", cell: ([, instance]) => instance.application },
    { title: "ISOLATION", cell: ([, instance]) => instance.isolation },
    { title: "MEMORY", align: "right", cell: ([, instance]) => `${instance.memoryMiB} MiB` },
    { title: "VCPUS", align: "right", cell: ([, instance]) => String(instance.vcpus) },
    { title: "GRANTS", cell: ([, instance]) => grantWords(instance.grants) },
  ])
  context.stdout.write(`${applications}\n${instances}\nDigest ${digest}\n`)
  return 0
}

const grantWords = (grants: readonly Grant[]): string =>
  grants
    .map(({ resource, at, access }) => (at === null ? resource : `${resource} (${access} ${at})`))
    .join(" ") || "none"
