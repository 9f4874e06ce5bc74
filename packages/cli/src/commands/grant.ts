import { printable } from "@skerry/model"
import { ADMIN } from "@skerry/rpc"
import { CliError } from "../cli-error.ts"
import { openClient } from "../client.ts"
import { defineCommand } from "../command.ts"
import { hostPath, parseDuration, shownId } from "../directories/grants.ts"
import { showJson } from "../render/table.ts"

export const command = defineCommand({
  name: "grant",
  summary: "Give a file or directory of this machine to an instance for a while",
  description: [
    "In a domain that runs it is there at once; one that starts later finds it too. It is opened now: what its path leads to later changes nothing. DOMAIN may also be a disposable that runs.",
    "The grant ends when its time is over, when you revoke it, or when the daemon ends; then files that are open in the domain cannot be read any more. What an instance should always have belongs into the configuration.",
  ],
  arguments: [
    { name: "DOMAIN", required: true, complete: "instance" },
    { name: "PATH", required: true, complete: "file" },
  ],
  options: {
    read: { kind: "flag", summary: "To be read (the default)" },
    write: { kind: "flag", summary: "To be read and written" },
    for: { kind: "value", placeholder: "TIME", summary: "For so long: 30s, 90m, 1h, 2d" },
    at: { kind: "value", placeholder: "PLACE", summary: "Where it appears; else /mnt/ and its own name" },
    json: { kind: "flag", summary: "As JSON" },
  },
  examples: [
    { command: "skerry grant mail ~/Downloads/report.pdf --read --for 1h", summary: "One file, to be read" },
    { command: "skerry grant work ~/src/project --write --at /home/user/project", summary: "A directory" },
  ],
  async run(context, { options, positionals: [instance = "", path = ""] }) {
    if (options.read && options.write) throw new CliError("usage", "Say --read or --write, not both")
    const { stdout, stderr, signal, cwd } = context
    const wanted = {
      instance,
      path: hostPath(path, cwd),
      access: options.write ? ("write" as const) : ("read" as const),
      at: options.at ?? "",
      seconds: parseDuration(options.for),
    }
    const connection = await openClient(context)
    const { id, at, warnings } = await connection.call(ADMIN.grantDirectory, wanted, { signal }).result
    for (const warning of warnings) stderr.write(`Warning: ${printable(warning)}\n`)
    if (options.json) stdout.write(showJson({ id: shownId(id), at, warnings }))
    else {
      const until = options.for === undefined ? "until it is revoked" : `for ${options.for}`
      const what = wanted.access === "write" ? "read and write" : "read"
      stdout.write(
        `${printable(instance)} may ${what} it at ${printable(at)} ${until}: skerry revoke ${shownId(id)}\n`,
      )
    }
    return 0
  },
})
