import { resolve } from "node:path"
import { defineCommand } from "../command.ts"
import { Progress } from "../render/progress.ts"

export const command = defineCommand({
  name: "import",
  summary: "Copy a directory of this machine into what an instance keeps",
  description: [
    "DIR becomes the content of the instance's tree, or with --to of a directory in it, which must not be there or be empty; with --merge it is added to what is there, and files of the same name are replaced. The result is kept as a version: skerry state log shows it.",
    "Symlinks are copied as links and never followed. Sockets, pipes and devices are left out; of a file with several names each name becomes a file of its own. Owners, ACLs and extended attributes are not carried over: in the instance everything belongs to its user.",
    "Status 1 where something could not be read, or was written to meanwhile: what it was is listed.",
  ],
  arguments: [
    { name: "DIR", required: true, complete: "file" },
    { name: "INSTANCE", required: true, complete: "instance" },
  ],
  options: {
    to: { kind: "value", placeholder: "PATH", summary: "A directory in the tree, from its root" },
    merge: { kind: "flag", summary: "Add to what is there" },
    quiet: { kind: "flag", short: "q", summary: "Show no progress" },
    json: { kind: "flag", summary: "Print what came of it as JSON" },
  },
  examples: [
    {
      command: "skerry import ~/.mozilla/firefox/abc.default web --to .mozilla/firefox/abc.default",
      summary: "A browser's profile",
    },
    { command: "skerry import ~/projects/site work --to projects/site", summary: "A project" },
  ],
  async run(context, { options, positionals: [directory = "", name = ""] }) {
    const [{ resolveTree }, { parsePath }, { openState }, { importTree }, summary, { openLinux }] =
      await Promise.all([
        import("../state/tree-of.ts"),
        import("../state/shown-path.ts"),
        import("../state/open-state.ts"),
        import("../transfer/import-tree.ts"),
        import("../transfer/summary.ts"),
        import("@skerry/linux"),
      ])
    const tree = await resolveTree(context, name)
    const to = { tree, path: parsePath(options.to ?? "", false), merge: options.merge }
    const connection = await openState(context)
    using progress = options.quiet ? undefined : new Progress(context.stderr, context.now)
    const imported = await importTree(connection, resolve(context.cwd, directory), to, {
      find: openLinux().fileCalls(),
      signal: context.signal,
      onProgress: progress?.onProgress ?? (() => {}),
    })
    context.stdout.write(
      options.json ? summary.importJson(imported, tree) : summary.importSummary(imported, tree),
    )
    return summary.isComplete(imported) ? 0 : 1
  },
})
