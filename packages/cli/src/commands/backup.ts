import { CliError } from "../cli-error.ts"
import { defineCommand } from "../command.ts"

const ACTIONS = ["list", "verify", "prune"] as const

const kept = (what: string) => ({ kind: "value", placeholder: "N", summary: `prune: keep ${what}` }) as const

export const command = defineCommand({
  name: "backup",
  summary: "Write configuration and state to a folder or a stream, encrypted",
  description: [
    "skerry backup DEST writes the configuration directory, with lock and policy, and what instances keep. DEST is a folder, where each backup writes only what is new, or - for standard output. One that was cut goes on when it is run again. The first asks for a passphrase: without it nobody can read the backup.",
    "backup list DEST shows what is there. backup verify DEST reads all of it and names what is missing, replaced, altered or of an earlier time, and the backups that it touches; it ends with 1 if there is any. backup prune DEST removes backups that no --keep-… holds.",
    "A folder called list is written ./list. docs/backup.md has the format, and how to get at the files without Skerry.",
  ],
  arguments: [
    { name: "DEST|ACTION", required: true, complete: "file" },
    { name: "DEST", required: false, complete: "file" },
  ],
  options: {
    instance: {
      kind: "list",
      placeholder: "NAME",
      complete: "instance",
      summary: "Of the state, only what this instance keeps",
    },
    tree: { kind: "list", placeholder: "NAME", summary: "Of the state, only this tree" },
    "no-state": { kind: "flag", summary: "Only the configuration" },
    versions: {
      kind: "value",
      placeholder: "WHICH",
      choices: ["all", "last"],
      summary: "Which versions of each tree; all unless given",
    },
    "passphrase-file": {
      kind: "value",
      placeholder: "FILE",
      complete: "file",
      summary: "Take the passphrase of the backup from the first line of this file",
    },
    "accept-older": {
      kind: "flag",
      summary: "Go on from a folder that was put back to an earlier point in time",
    },
    "keep-last": kept("the newest N backups"),
    "keep-hourly": kept("the newest backup of each of N hours"),
    "keep-daily": kept("the newest backup of each of N days"),
    "keep-weekly": kept("the newest backup of each of N weeks"),
    "keep-monthly": kept("the newest backup of each of N months"),
    "keep-yearly": kept("the newest backup of each of N years"),
    "dry-run": { kind: "flag", short: "n", summary: "prune: only say what would be removed" },
    yes: { kind: "flag", short: "y", summary: "prune: do not ask" },
    quiet: { kind: "flag", short: "q", summary: "Show no progress" },
    json: { kind: "flag", summary: "As JSON" },
  },
  examples: [
    {
      command: "skerry backup /media/usb/skerry",
      summary: "Everything, and only what is new since the last time",
    },
    {
      command: "skerry backup --passphrase-file ~/.backup-key - | ssh nas 'cat > skerry.tar'",
      summary: "All of it as one stream",
    },
    { command: "skerry backup verify /media/usb/skerry", summary: "Is it still whole?" },
    {
      command: "skerry backup prune /media/usb/skerry --keep-daily 14 --keep-monthly 12",
      summary: "Remove old backups",
    },
  ],
  async run(context, { options, positionals: [first = "", second] }) {
    const action = ACTIONS.find((each) => each === first)
    if (action === undefined) {
      if (second !== undefined) {
        throw new CliError(
          "usage",
          `${JSON.stringify(first)} is no action: use ${ACTIONS.join(", ")}, or give the folder alone`,
        )
      }
      const { makeBackup } = await import("../backup/make-backup.ts")
      return makeBackup(context, first, options)
    }
    if (second === undefined) throw new CliError("usage", `DEST is missing: skerry backup ${action} DEST`)
    const { listBackups, pruneBackup, verifyBackups } = await import("../backup/keep-backups.ts")
    if (action === "list") return listBackups(context, second, options)
    if (action === "verify") return verifyBackups(context, second, options)
    return pruneBackup(context, second, options)
  },
})
