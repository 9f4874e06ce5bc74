import { resolve } from "node:path"
import { DEFAULT_QUOTA } from "@skerry/services"
import { CliError } from "../cli-error.ts"
import { openClient } from "../client.ts"
import { defineCommand } from "../command.ts"
import { Progress } from "../render/progress.ts"
import { type CopyContext, copyIn, copyOut, relayCopy } from "../services/copy.ts"
import { planCopy } from "../services/places.ts"

export const command = defineCommand({
  name: "cp",
  summary: "Copy files between the host and domains, or from one domain to another",
  description: [
    "DOMAIN:PATH is a file or directory of a domain, from its home directory or absolute; DOMAIN: is where files arrive there, ~/QubesIncoming/SOURCE. A host file with a colon in its name is written ./a:b.",
    "Modes and times are kept. Nothing is ever overwritten; where the same file lies there already, that is fine. A copy that was interrupted goes on where it stopped when the same command is given again.",
    "What comes from a domain is not trusted: it arrives in the directory TO under the names that were asked for and nowhere else, within a quota, without devices, and with symlinks only inside the tree that is copied.",
  ],
  arguments: [
    { name: "FROM", required: true, many: true, complete: "file" },
    { name: "TO", required: true, complete: "file" },
  ],
  options: {
    "allow-all-names": { kind: "flag", summary: "Also names with control characters, or not in UTF-8" },
    "ignore-symlinks": { kind: "flag", summary: "Leave symlinks of the host's trees out" },
    "max-bytes": {
      kind: "value",
      placeholder: "N",
      summary: "Take no more from a domain (100 GB where nothing is said)",
    },
    quiet: { kind: "flag", short: "q", summary: "Show no progress" },
  },
  examples: [
    { command: "skerry cp report.pdf mail:", summary: "Into a domain" },
    { command: "skerry cp mail:report.pdf .", summary: "Out of a domain" },
    { command: "skerry cp mail:report.pdf work:", summary: "From one to another" },
  ],
  async run(context, { options, positionals }) {
    const { hostPaths, fetched, to } = planCopy(positionals)
    using progress = options.quiet ? undefined : new Progress(context.stderr, context.now)
    const copy: CopyContext = {
      connection: await openClient(context),
      signal: context.signal,
      onProgress: progress?.onProgress ?? (() => {}),
      allNames: options["allow-all-names"],
      ignoreSymlinks: options["ignore-symlinks"],
      quota: { ...DEFAULT_QUOTA, bytes: parseBytes(options["max-bytes"]) },
    }
    if (to.kind === "domain" && hostPaths.length > 0) {
      await copyIn(
        copy,
        hostPaths.map((path) => resolve(context.cwd, path)),
        to.domain,
      )
    }
    for (const [domain, paths] of fetched) {
      if (to.kind === "domain") await relayCopy(copy, domain, paths, to.domain)
      else await copyOut(copy, domain, paths, resolve(context.cwd, to.path))
    }
    return 0
  },
})

function parseBytes(word: string | undefined): number {
  if (word === undefined) return DEFAULT_QUOTA.bytes
  if (!/^\d{1,15}$/.test(word))
    throw new CliError("usage", `Cannot use ${JSON.stringify(word)} as a number of bytes`)
  return Number(word)
}
