import { isUtf8 } from "node:buffer"
import type { Readable } from "node:stream"
import type { Decision } from "@skerry/policy"
import { CLIPBOARD_LIMITS, CLIPBOARD_METHODS, type Handlers, handler } from "@skerry/rpc"
import type { Clipboard } from "./clipboard.ts"
import { DaemonError } from "./errors.ts"

/** What the policy says of qubes.ClipboardPaste from one domain to another. */
export type DecidePaste = (source: string, target: string) => Promise<Pick<Decision, "kind">>

/** The text is the user's own: no domain has to be allowed anything. */
const OWN_INPUT = "-"

/** What the user's commands may do with the host's clipboard; no domain reaches it. */
export function clipboardHandlers(clipboard: Clipboard, decide: DecidePaste): Handlers {
  return [
    handler(CLIPBOARD_METHODS.clipboardPut, async ({ source, seconds }, { stdin }) => {
      if (seconds > CLIPBOARD_LIMITS.maxSeconds) {
        throw new DaemonError(
          "bad-request",
          `Cannot keep a text for ${seconds} seconds: ${CLIPBOARD_LIMITS.maxSeconds} is the most`,
        )
      }
      const text = await readText(stdin)
      clipboard.put({ text, source }, (seconds || CLIPBOARD_LIMITS.defaultSeconds) * 1000)
      return { bytes: text.length }
    }),
    handler(CLIPBOARD_METHODS.clipboardTake, async ({ target }, { stdout }) => {
      await refuseDenied(clipboard, target, decide)
      const taken = clipboard.take()
      if (taken === undefined) {
        throw new DaemonError(
          "bad-request",
          'Nothing is on the clipboard: "skerry clipboard copy DOMAIN" puts it there',
        )
      }
      // A copy: the transport may hold on to what it was given.
      stdout.write(Buffer.from(taken.text))
      taken.text.fill(0)
      return { source: taken.source }
    }),
    handler(CLIPBOARD_METHODS.clipboardClear, () => {
      clipboard.clear()
      return undefined
    }),
    handler(CLIPBOARD_METHODS.clipboardStatus, () => {
      const status = clipboard.status
      if (status === undefined) return { isFilled: false, source: "", bytes: 0, wipedInMs: 0 }
      return { isFilled: true, ...status }
    }),
  ]
}

/** The command is the user's answer to a rule that asks; a rule that denies stands. */
async function refuseDenied(clipboard: Clipboard, target: string, decide: DecidePaste): Promise<void> {
  const source = clipboard.status?.source
  if (source === undefined || source === OWN_INPUT) return
  if ((await decide(source, target)).kind !== "deny") return
  throw new DaemonError(
    "bad-request",
    `The policy denies qubes.ClipboardPaste from "${source}" to "${target}": "skerry policy eval" says by which rule`,
  )
}

async function readText(stdin: Readable): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of stdin) {
    const piece = chunk as Buffer
    bytes += piece.length
    if (bytes > CLIPBOARD_LIMITS.textBytes) {
      throw new DaemonError("bad-request", `The text is longer than ${CLIPBOARD_LIMITS.textBytes} bytes`)
    }
    chunks.push(piece)
  }
  const text = Buffer.concat(chunks)
  for (const piece of chunks) piece.fill(0)
  if (!isUtf8(text)) throw new DaemonError("bad-request", "A clipboard takes text alone: this is not UTF-8")
  return text
}
