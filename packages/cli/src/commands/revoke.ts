import { quoted } from "@skerry/model"
import { ADMIN, type DirectoryGrantRow } from "@skerry/rpc"
import { CliError } from "../cli-error.ts"
import { openClient } from "../client.ts"
import { defineCommand } from "../command.ts"
import { directoryGrants, hostPath, parseDirectoryId } from "../directories/grants.ts"
import { showJson } from "../render/table.ts"

export const command = defineCommand({
  name: "revoke",
  summary: "Take back a file or directory that was granted for a while",
  description: [
    'Names the number that "skerry grants" shows (d3), or an instance and the path; an instance alone, or --all, takes back everything that was granted so. Files that are open in the domain cannot be read any more. What the configuration grants stays.',
  ],
  arguments: [
    { name: "DOMAIN", required: false, complete: "instance" },
    { name: "PATH", required: false, complete: "file" },
  ],
  options: {
    all: { kind: "flag", summary: "Everything, of all instances" },
    json: { kind: "flag", summary: "As JSON" },
  },
  examples: [
    { command: "skerry revoke d3", summary: "By its number" },
    { command: "skerry revoke mail ~/Downloads/report.pdf", summary: "By what it is" },
    { command: "skerry revoke mail", summary: "Everything that mail was given so" },
  ],
  async run(context, { options, positionals: [domain, path] }) {
    const { stdout, signal, cwd } = context
    if (options.all === (domain !== undefined)) {
      throw new CliError(
        "usage",
        "Say what to take back: a number, an instance, an instance and a path, or --all",
      )
    }
    const connection = await openClient(context)
    const rows = await directoryGrants(connection, signal)
    const ids = chosen(rows, domain, path === undefined ? undefined : hostPath(path, cwd))
    const { revoked } = await connection.call(ADMIN.revokeDirectory, { ids: [...ids] }, { signal }).result
    stdout.write(options.json ? showJson({ revoked }) : `Revoked ${revoked}\n`)
    return 0
  },
})

/** Pure. Throws CliError where something was named that is not granted. */
export function chosen(
  rows: readonly DirectoryGrantRow[],
  domain: string | undefined,
  path: string | undefined,
): readonly number[] {
  if (domain === undefined) return rows.map(({ id }) => id)
  const id = parseDirectoryId(domain)
  const found = rows.filter((row) =>
    // An instance may be called like a number.
    id !== undefined && path === undefined && !rows.some(({ instance }) => instance === domain)
      ? row.id === id
      : row.instance === domain && (path === undefined || row.path === path),
  )
  if (found.length > 0) return found.map((row) => row.id)
  const what = path === undefined ? quoted(domain) : `${quoted(path)} of ${quoted(domain)}`
  throw new CliError(
    "refused",
    `There is no grant ${what} to take back: "skerry grants" lists what was granted`,
  )
}
