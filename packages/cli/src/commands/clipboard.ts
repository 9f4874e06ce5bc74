import type { Readable } from "node:stream"
import { buffer, text } from "node:stream/consumers"
import { CLIPBOARD_LIMITS, CLIPBOARD_METHODS, type Connection } from "@skerry/rpc"
import { CliError } from "../cli-error.ts"
import { openClient } from "../client.ts"
import { type CommandContext, defineCommand } from "../command.ts"
import { openHostCall, saidBy, UntrustedText } from "../services/host-call.ts"

export const command = defineCommand({
  name: "clipboard",
  summary: "Carry text from one domain's clipboard to another's",
  description: [
    "copy takes the text of a domain's clipboard, or of standard input for -; paste puts it on a domain's clipboard, after which the host has forgotten it. Only these commands fill and empty the host's clipboard: no domain can, and none sees it before it is pasted there. A rule of the policy that denies qubes.ClipboardPaste between the two is kept to.",
    "A text stays for a minute, or as long as --seconds says, and has at most 64 KiB.",
  ],
  arguments: [
    { name: "ACTION", required: true, choices: ["copy", "paste", "clear", "status"] },
    { name: "DOMAIN", required: false, complete: "instance" },
  ],
  options: {
    seconds: { kind: "value", short: "s", placeholder: "N", summary: "Keep the copied text so long" },
  },
  examples: [
    { command: "skerry clipboard copy mail", summary: "From a domain" },
    { command: "skerry clipboard paste work", summary: "Into another, once" },
    { command: "date | skerry clipboard copy -", summary: "Of your own" },
  ],
  async run(context, { options, positionals }) {
    const [action, domain] = positionals
    if ((action === "copy" || action === "paste") !== (domain !== undefined)) {
      throw new CliError("usage", domain === undefined ? "DOMAIN is missing" : `${action} takes no domain`)
    }
    const connection = await openClient(context)
    switch (action) {
      case "copy":
        return await copy(context, connection, domain ?? "", parseSeconds(options.seconds))
      case "paste":
        return await paste(context, connection, domain ?? "")
      case "clear":
        await connection.call(CLIPBOARD_METHODS.clipboardClear, undefined).result
        return 0
      default:
        return await showStatus(context, connection)
    }
  },
})

function parseSeconds(word: string | undefined): number {
  if (word === undefined) return CLIPBOARD_LIMITS.defaultSeconds
  const seconds = Number(word)
  if (Number.isInteger(seconds) && seconds >= 1 && seconds <= CLIPBOARD_LIMITS.maxSeconds) return seconds
  throw new CliError(
    "usage",
    `Cannot keep a text for ${JSON.stringify(word)} seconds: use 1 to ${CLIPBOARD_LIMITS.maxSeconds}`,
  )
}

async function copy(
  context: CommandContext,
  connection: Connection,
  source: string,
  seconds: number,
): Promise<number> {
  const untrusted =
    source === "-" ? await readAll(context.stdin) : await readFrom(context, connection, source)
  const call = connection.call(
    CLIPBOARD_METHODS.clipboardPut,
    { source, seconds },
    { signal: context.signal },
  )
  call.stdin.end(untrusted)
  const { bytes } = await call.result
  context.stderr.write(`${bytes} bytes copied, for ${seconds} seconds or one paste\n`)
  return 0
}

async function readFrom(context: CommandContext, connection: Connection, domain: string): Promise<Buffer> {
  const call = openHostCall(connection, { target: domain, service: "skerry.ClipboardRead" }, context.signal)
  const said = new UntrustedText(call.stderr)
  call.stdin.end()
  const [text, status] = await Promise.all([readAll(call.stdout), call.exitCode])
  if (status !== 0) throw refused(domain, said.text, status)
  return text
}

/** One byte over the limit is enough to be told that it is too long. */
async function readAll(untrusted: Readable): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of untrusted) {
    bytes += (chunk as Buffer).length
    chunks.push(chunk as Buffer)
    if (bytes > CLIPBOARD_LIMITS.textBytes) {
      throw new CliError("refused", `The text is longer than ${CLIPBOARD_LIMITS.textBytes} bytes`)
    }
  }
  return Buffer.concat(chunks)
}

async function paste(context: CommandContext, connection: Connection, domain: string): Promise<number> {
  const taking = connection.call(
    CLIPBOARD_METHODS.clipboardTake,
    { target: domain },
    { signal: context.signal },
  )
  const [taken] = await Promise.all([buffer(taking.stdout), taking.result])
  const call = openHostCall(connection, { target: domain, service: "qubes.ClipboardPaste" }, context.signal)
  const said = new UntrustedText(call.stderr)
  call.stdin.on("error", () => {}) // its end says why
  call.stdin.end(taken)
  const [status] = await Promise.all([call.exitCode, text(call.stdout)])
  if (status !== 0) throw refused(domain, said.text, status)
  return 0
}

const refused = (domain: string, untrustedText: string, status: number) =>
  new CliError(
    "refused",
    saidBy(domain, untrustedText) ||
      `${domain} ended with status ${status}${status === 127 ? ': it has no such service, rebuild its image with "skerry build"' : ""}`,
  )

async function showStatus({ stdout }: CommandContext, connection: Connection): Promise<number> {
  const { isFilled, source, bytes, wipedInMs } = await connection.call(
    CLIPBOARD_METHODS.clipboardStatus,
    undefined,
  ).result
  if (!isFilled) stdout.write("empty\n")
  else {
    const from = source === "-" ? "you" : source
    stdout.write(`${bytes} bytes from ${from}, wiped in ${Math.ceil(wipedInMs / 1000)} seconds\n`)
  }
  return 0
}
