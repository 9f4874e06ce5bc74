import { defineCommand } from "../command.ts"

export const command = defineCommand({
  name: "restore",
  summary: "Bring configuration and state back from a backup",
  description: [
    "SRC is a folder that skerry backup wrote, or - for a stream on standard input. It goes into empty places only: no configuration, and a state store without trees (skerry state unlock makes one, with a key of its own). Everything is read and checked before anything is written; the configuration must come to the same digest, its images must come out the same, and so must every version of the state. What fails leaves nothing behind; what was killed goes on when it is run again.",
    "--dry-run shows what would come, and whom the configuration lets reach what.",
  ],
  arguments: [{ name: "SRC", required: true, complete: "file" }],
  options: {
    from: {
      kind: "value",
      placeholder: "N",
      summary: "This backup, as skerry backup list numbers them; the newest unless given",
    },
    "dry-run": { kind: "flag", short: "n", summary: "Only show what would come" },
    evaluate: {
      kind: "flag",
      summary: "dry-run: run the program that the configuration is, apart, to learn what it says",
    },
    "no-build": {
      kind: "flag",
      summary: "Leave the images to a later skerry build, and do not compare them",
    },
    "passphrase-file": {
      kind: "value",
      placeholder: "FILE",
      complete: "file",
      summary: "Take the passphrase of the backup from the first line of this file",
    },
    quiet: { kind: "flag", short: "q", summary: "Show no progress" },
    json: { kind: "flag", summary: "As JSON" },
  },
  examples: [
    { command: "skerry restore --dry-run /media/usb/skerry", summary: "Look first" },
    { command: "skerry restore /media/usb/skerry", summary: "The newest backup, on a new machine" },
    {
      command: "skerry restore --passphrase-file ~/.backup-key - < skerry.tar",
      summary: "From a stream",
    },
  ],
  async run(context, { options, positionals: [word = ""] }) {
    const { restoreHere } = await import("../backup/restore-here.ts")
    return restoreHere(context, word, options)
  },
})
