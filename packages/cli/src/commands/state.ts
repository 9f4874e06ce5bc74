import { CliError } from "../cli-error.ts"
import { defineCommand } from "../command.ts"
import { KEY_OPTIONS } from "../terminal/read-passphrase.ts"

const ACTIONS = [
  "log",
  "show",
  "diff",
  "snapshot",
  "rollback",
  "restore",
  "prune",
  "verify",
  "du",
  "trees",
  "quota",
  "remove",
  "status",
  "unlock",
  "passphrase",
] as const
type Action = (typeof ACTIONS)[number]

/** What follows each action: "?" may be missing. */
const WORDS: Readonly<Record<Action, readonly string[]>> = {
  log: ["INSTANCE"],
  show: ["INSTANCE", "VERSION?", "PATH?"],
  diff: ["INSTANCE", "FROM?", "TO?"],
  snapshot: ["INSTANCE"],
  rollback: ["INSTANCE", "VERSION"],
  restore: ["INSTANCE", "PATH"],
  prune: ["INSTANCE?"],
  verify: [],
  du: ["INSTANCE"],
  trees: [],
  quota: ["INSTANCE"],
  remove: ["INSTANCE"],
  status: [],
  unlock: [],
  passphrase: [],
}

const kept = (what: string) => ({ kind: "value", placeholder: "N", summary: `prune: keep ${what}` }) as const

export const command = defineCommand({
  name: "state",
  summary: "Look at what instances keep, go back to an earlier version of it, and tidy up",
  description: [
    "What an instance keeps lies in a tree of the state store, which has versions: one is made when a domain stops, one at an interval while it runs, and one whenever you say so. docs/state.md shows how it is used.",
    "INSTANCE is an instance with one tree, or the name of a tree. VERSION is a number as log shows it, the beginning of a digest, or now. PATH begins at the tree's root.",
    "log INSTANCE lists versions. show INSTANCE [VERSION] [PATH] lists a directory, or prints a file with --cat. diff INSTANCE [FROM] [TO] names what changed, by default since the newest version. snapshot INSTANCE makes a version. rollback INSTANCE VERSION goes back to one, restore INSTANCE PATH --version N brings one file or directory back: what was there is kept as a version first.",
    "prune [INSTANCE] removes versions that no --keep-… holds. verify reads all of the store again and names what is damaged. du INSTANCE says what each version takes, trees lists all trees, quota INSTANCE bounds one, remove INSTANCE forgets one with all its versions.",
    "status says whether the store is open, unlock opens it, passphrase changes the key.",
  ],
  arguments: [
    { name: "ACTION", required: true, choices: ACTIONS },
    { name: "WORD", required: false, many: true, complete: "instance" },
  ],
  options: {
    deep: { kind: "flag", summary: "show: everything below, too" },
    cat: { kind: "flag", summary: "show: print the file" },
    base64: { kind: "flag", summary: "show, restore: PATH (and --to) is base64, for names that are no text" },
    version: { kind: "value", placeholder: "VERSION", summary: "restore: where it is taken from" },
    to: { kind: "value", placeholder: "PATH", summary: "restore: put it there instead" },
    note: { kind: "value", placeholder: "TEXT", summary: "snapshot: why, for the log" },
    "keep-last": kept("the newest N versions"),
    "keep-hourly": kept("the newest version of each of N hours"),
    "keep-daily": kept("the newest version of each of N days"),
    "keep-weekly": kept("the newest version of each of N weeks"),
    "keep-monthly": kept("the newest version of each of N months"),
    "keep-yearly": kept("the newest version of each of N years"),
    "dry-run": { kind: "flag", short: "n", summary: "prune: only say what would be removed" },
    size: { kind: "value", placeholder: "SIZE", summary: "quota: 500MB, 2GiB, or none" },
    files: { kind: "value", placeholder: "N", summary: "quota: how many files and directories, or none" },
    ...KEY_OPTIONS,
    "new-passphrase-file": {
      kind: "value",
      placeholder: "FILE",
      complete: "file",
      summary: "passphrase: take the new one from the first line of this file",
    },
    "new-key-file": {
      kind: "value",
      placeholder: "FILE",
      complete: "file",
      summary: "passphrase: the content of this file is the key from now on",
    },
    yes: { kind: "flag", short: "y", summary: "rollback, prune, remove: do not ask" },
    json: { kind: "flag", summary: "One JSON object per line" },
  },
  examples: [
    { command: "skerry state log mail", summary: "What versions are there?" },
    { command: "skerry state diff mail", summary: "What has changed since the newest one?" },
    { command: "skerry state show mail 12 Documents", summary: "What was there at version 12?" },
    { command: "skerry state restore mail Documents/tax.ods --version 12", summary: "Bring one file back" },
    { command: "skerry state rollback mail 12", summary: "All of it as it was at version 12" },
    { command: "skerry state prune --keep-last 10 --keep-daily 14 -n", summary: "What would be removed?" },
  ],
  async run(context, { options, positionals: [word, ...words] }) {
    const action = ACTIONS.find((each) => each === word) ?? "status"
    checkWords(action, words)
    const [name = "", first = "", second = ""] = words
    switch (action) {
      case "log":
        return (await import("../state/history.ts")).log(context, name, options.json)
      case "snapshot":
        return (await import("../state/history.ts")).snapshot(context, name, options.note, options.json)
      case "rollback":
        return (await import("../state/history.ts")).rollback(context, name, first, options)
      case "restore":
        return (await import("../state/history.ts")).restore(context, name, first, options)
      case "show":
        return (await import("../state/content.ts")).show(context, name, [first, second], options)
      case "diff":
        return (await import("../state/content.ts")).diff(context, name, first, second, options.json)
      case "prune":
        return (await import("../state/prune.ts")).prune(context, words[0], options)
      case "verify":
        return (await import("../state/upkeep.ts")).verify(context, options.json)
      case "du":
        return (await import("../state/upkeep.ts")).du(context, name, options.json)
      case "trees":
        return (await import("../state/upkeep.ts")).trees(context, options.json)
      case "quota":
        return (await import("../state/upkeep.ts")).quota(context, name, options)
      case "remove":
        return (await import("../state/upkeep.ts")).remove(context, name, options.yes)
      case "unlock":
        return (await import("../state/keys.ts")).unlockStore(context, options)
      case "passphrase":
        return (await import("../state/keys.ts")).changeKey(context, options)
      default:
        return (await import("../state/keys.ts")).status(context, options.json)
    }
  },
})

function checkWords(action: Action, words: readonly string[]): void {
  const wanted = WORDS[action]
  const missing = wanted[words.length]
  if (missing !== undefined && !missing.endsWith("?")) {
    throw new CliError("usage", `${missing} is missing: skerry state ${usage(action)}`)
  }
  const extra = words[wanted.length]
  if (extra !== undefined) {
    throw new CliError("usage", `Unexpected argument ${JSON.stringify(extra)}: skerry state ${usage(action)}`)
  }
}

const usage = (action: Action) =>
  [action, ...WORDS[action].map((word) => (word.endsWith("?") ? `[${word.slice(0, -1)}]` : word))].join(" ")
