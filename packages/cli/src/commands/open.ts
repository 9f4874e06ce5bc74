import { resolve } from "node:path"
import { openClient } from "../client.ts"
import { defineCommand } from "../command.ts"
import { openAndBringBack } from "../services/bring-back.ts"
import { openHostCall } from "../services/host-call.ts"

export const command = defineCommand({
  name: "open",
  summary: "Open a host file in a disposable, and bring it back only if you say so",
  description: [
    "The file is sent into a fresh disposable and opened there with the handler that its image has; the disposable ends with the handler. If the file was changed you are shown how (size and digest) and asked whether to bring it back; the original is then kept beside it as FILE.orig. Lines beside a bar are what the disposable prints, and not to be believed.",
    "Without a terminal to ask on, nothing is brought back, unless --yes says so beforehand.",
  ],
  arguments: [{ name: "FILE", required: true, complete: "file" }],
  options: {
    in: {
      kind: "value",
      placeholder: "INSTANCE",
      complete: "instance",
      summary: "In a disposable of this instance (else of the default one)",
    },
    "view-only": { kind: "flag", summary: "Nothing comes back, whatever happens to the file there" },
    yes: { kind: "flag", short: "y", summary: "Bring a changed file back without asking" },
    "no-backup": { kind: "flag", summary: "Keep no copy of the original" },
  },
  examples: [
    { command: "skerry open invoice.odt --in office", summary: "Edit a file that nobody vouches for" },
    { command: "skerry open --view-only report.pdf", summary: "Only look at it" },
  ],
  async run(context, { options, positionals }) {
    const [file = ""] = positionals
    const connection = await openClient(context)
    const target = options.in === undefined ? "@dispvm" : `@dispvm:${options.in}`
    await openAndBringBack(
      context,
      () => openHostCall(connection, { target, service: "qubes.OpenInVM" }, context.signal),
      resolve(context.cwd, file),
      {
        isViewOnly: options["view-only"],
        isAgreed: options.yes,
        keepsBackup: !options["no-backup"],
      },
    )
    return 0
  },
})
