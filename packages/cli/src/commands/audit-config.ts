import { defineCommand } from "../command.ts"

export const command = defineCommand({
  name: "audit-config",
  summary: "Say in plain words what a configuration changes, and whom it lets reach what",
  description: [
    "SRC is a generation's number, a configuration directory, a file with a normalised configuration, or a backup directory; without it, the configuration as it is written now. First comes everything that differs from the current generation (+ new, - gone, ~ changed), then everything that anyone has access to. A ! marks what reaches this machine or weakens a wall.",
    "A configuration can be a program. One that is not your own is not run unless --evaluate says so; in a generation, and in what skerry config show --json prints, it has been run already. Policy files and services of the host are not kept in generations: with a number, those that are there now are looked at.",
    "Status 0 also where something differs.",
  ],
  arguments: [{ name: "SRC", required: false, complete: "file" }],
  options: {
    evaluate: { kind: "flag", summary: "Run the program that the configuration is" },
    backup: {
      kind: "value",
      placeholder: "N",
      summary: "Of a backup directory: this backup, not the newest",
    },
    "passphrase-file": {
      kind: "value",
      placeholder: "FILE",
      complete: "file",
      summary:
        "Of a backup directory: take the passphrase from the first line of this file; - is standard input",
    },
    json: { kind: "flag", summary: "As JSON: { differences, accesses }" },
  },
  examples: [
    { command: "skerry audit-config", summary: "What would the next build change?" },
    { command: "skerry audit-config 3", summary: "Before skerry rollback 3" },
    { command: "skerry audit-config /media/usb/backup", summary: "Before a restore" },
  ],
  async run(context, { options, positionals: [word] }) {
    const { auditSource } = await import("../audit-config/audit-source.ts")
    return auditSource(context, word, options)
  },
})
