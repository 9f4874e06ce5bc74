import { spawnSync } from "node:child_process"
import { readFileSync, renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { Readable } from "node:stream"
import { CLIPBOARD_LIMITS } from "@skerry/rpc"
import { HOST_NAME } from "../filecopy/arguments.ts"
import type { Program, ProgramIo } from "../program.ts"

/** A text that a clipboard does not take; `message` says why. */
export class ClipboardError extends Error {
  override readonly name = "ClipboardError"
  readonly code = "bad-text"
}

const tooLong = () => new ClipboardError(`The text is longer than ${CLIPBOARD_LIMITS.textBytes} bytes`)

/** All of a stream, as text. Throws ClipboardError where it is too long or not UTF-8. */
export async function readClipboardText(untrusted: Readable): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of untrusted) {
    bytes += (chunk as Buffer).length
    if (bytes > CLIPBOARD_LIMITS.textBytes) {
      throw tooLong()
    }
    chunks.push(chunk as Buffer)
  }
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.concat(chunks))
  } catch (cause) {
    throw new ClipboardError("A clipboard takes text alone: this is not UTF-8", { cause })
  }
}

/** `qubes.ClipboardPaste`: puts the text that the host sends on this domain's clipboard. */
export const clipboardPaste: Program = async (io) => {
  refuseDomains(io)
  writeClipboard(io, await readClipboardText(io.stdin))
  return 0
}

/** `skerry.ClipboardRead`: gives the host the text on this domain's clipboard. */
export const clipboardRead: Program = async (io) => {
  refuseDomains(io)
  io.stdout.write(readClipboard(io))
  return 0
}

/** `skerry-clipboard copy|paste`: for programs and scripts of this domain, with or without a display. */
export const skerryClipboard: Program = async (io) => {
  switch (io.argv[0]) {
    case "copy":
      writeClipboard(io, await readClipboardText(io.stdin))
      return 0
    case "paste":
      io.stdout.write(readClipboard(io))
      return 0
    default:
      throw new ClipboardError("Use: skerry-clipboard copy < TEXT, or skerry-clipboard paste")
  }
}

function refuseDomains({ environment }: ProgramIo): void {
  if (environment.QREXEC_REMOTE_DOMAIN !== HOST_NAME) {
    throw new ClipboardError("A clipboard is filled and emptied by the host's user alone")
  }
}

interface DisplayTool {
  readonly display: "WAYLAND_DISPLAY" | "DISPLAY"
  readonly copy: readonly [string, ...string[]]
  readonly paste: readonly [string, ...string[]]
}

const TOOLS: readonly DisplayTool[] = [
  { display: "WAYLAND_DISPLAY", copy: ["wl-copy"], paste: ["wl-paste", "--no-newline"] },
  {
    display: "DISPLAY",
    copy: ["xclip", "-in", "-selection", "clipboard"],
    paste: ["xclip", "-out", "-selection", "clipboard"],
  },
]

function writeClipboard(io: ProgramIo, text: string): void {
  const file = fileOf(io)
  // New and put in place: whoever holds the old file keeps the old text.
  writeFileSync(`${file}.new`, text, { mode: 0o600 })
  renameSync(`${file}.new`, file)
  runTool(io, "copy", text)
}

function readClipboard(io: ProgramIo): string {
  return runTool(io, "paste", "") ?? readFile(fileOf(io))
}

const fileOf = ({ environment }: ProgramIo) => join(environment.HOME ?? "/home/user", ".clipboard")

function readFile(path: string): string {
  try {
    return readFileSync(path, "utf8")
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return ""
    throw error
  }
}

/** Undefined: there is no display, or no tool for it. */
function runTool({ environment }: ProgramIo, action: "copy" | "paste", input: string): string | undefined {
  const tool = TOOLS.find(({ display }) => environment[display] !== undefined)
  if (tool === undefined) return undefined
  const [name, ...argv] = tool[action]
  const { status, stdout, error } = spawnSync(name, argv, {
    input,
    timeout: 5000,
    env: environment,
    encoding: "utf8",
    maxBuffer: CLIPBOARD_LIMITS.textBytes,
    // wl-copy and xclip leave a process behind that holds their output open.
    stdio: ["pipe", action === "paste" ? "pipe" : "ignore", "ignore"],
  })
  // What lies in the file is older: it must not pass for what was too long.
  if ((error as NodeJS.ErrnoException | undefined)?.code === "ENOBUFS") throw tooLong()
  return status === 0 ? (stdout ?? "") : undefined
}
