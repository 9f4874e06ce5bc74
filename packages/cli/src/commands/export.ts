import { resolve } from "node:path"
import { defineCommand } from "../command.ts"
import { countOf, showBytes } from "../render/amount.ts"
import { Progress } from "../render/progress.ts"

export const command = defineCommand({
  name: "export",
  summary: "Copy what an instance keeps into a directory of this machine",
  description: [
    "DIR is made, or must be empty: nothing is written over. What comes is untrusted: files keep their permissions but for setuid and setgid, symlinks are made as they are and may lead anywhere, and a name may be meant to mislead.",
  ],
  arguments: [
    { name: "INSTANCE", required: true, complete: "instance" },
    { name: "DIR", required: true, complete: "file" },
  ],
  options: {
    version: { kind: "value", placeholder: "VERSION", summary: "As it was then; now unless given" },
    path: { kind: "value", placeholder: "PATH", summary: "Only this file or directory" },
    base64: { kind: "flag", summary: "PATH is base64, for names that are no text" },
    quiet: { kind: "flag", short: "q", summary: "Show no progress" },
    json: { kind: "flag", summary: "Print what was written as JSON" },
  },
  examples: [
    { command: "skerry export mail ~/mail-of-today", summary: "All of it, as it is now" },
    { command: "skerry export work site --path projects/site --version 12", summary: "A part, as it was" },
  ],
  async run(context, { options, positionals: [name = "", directory = ""] }) {
    const [{ resolveTree }, { parsePath }, { parseVersion }, { openState }, { exportTree }] =
      await Promise.all([
        import("../state/tree-of.ts"),
        import("../state/shown-path.ts"),
        import("../state/versions.ts"),
        import("../state/open-state.ts"),
        import("../transfer/export-tree.ts"),
      ])
    const from = {
      tree: await resolveTree(context, name),
      version: parseVersion(options.version ?? ""),
      path: parsePath(options.path ?? "", options.base64),
    }
    const connection = await openState(context)
    using progress = options.quiet ? undefined : new Progress(context.stderr, context.now)
    const written = await exportTree(connection, from, resolve(context.cwd, directory), {
      signal: context.signal,
      umask: process.umask(),
      onProgress: progress?.onProgress ?? (() => {}),
    })
    const { files, bytes, directories, symlinks } = written
    context.stdout.write(
      options.json
        ? `${JSON.stringify({ tree: from.tree, ...written })}\n`
        : `Wrote ${countOf(files, "file")} (${showBytes(bytes)}), ${countOf(directories, "directory", "directories")}, ${countOf(symlinks, "symlink")}\n`,
    )
    return 0
  },
})
