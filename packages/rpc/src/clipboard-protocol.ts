import { bool, nothing, struct, text, u32 } from "@skerry/wire"
import { method } from "./method.ts"

/** The host's clipboard: filled and emptied by the user's commands alone, never by a domain. Spread into ADMIN. */
export const CLIPBOARD_LIMITS = {
  /** UTF-8 bytes of the text. */
  textBytes: 64 * 1024,
  /** Where nothing else is asked for, the text is wiped after so long. */
  defaultSeconds: 60,
  /** And after so long in any case. */
  maxSeconds: 3600,
} as const

const domain = text({ max: 64 })

export const CLIPBOARD_METHODS = {
  /** The text comes on stdin and takes the old one's place. `seconds` 0: the default. */
  clipboardPut: method({
    id: 30,
    name: "clipboardPut",
    params: struct({ source: domain, seconds: u32 }),
    result: struct({ bytes: u32 }),
    up: nothing,
    down: nothing,
  }),
  /**
   * The text goes to stdout, and is wiped; without one the call fails. So it does where the policy denies
   * qubes.ClipboardPaste from the domain that it came from to `target`; then the text stays.
   */
  clipboardTake: method({
    id: 31,
    name: "clipboardTake",
    params: struct({ target: domain }),
    result: struct({ source: domain }),
    up: nothing,
    down: nothing,
  }),
  clipboardClear: method({
    id: 32,
    name: "clipboardClear",
    params: nothing,
    result: nothing,
    up: nothing,
    down: nothing,
  }),
  /** Nothing of the text itself. */
  clipboardStatus: method({
    id: 33,
    name: "clipboardStatus",
    params: nothing,
    result: struct({ isFilled: bool, source: domain, bytes: u32, wipedInMs: u32 }),
    up: nothing,
    down: nothing,
  }),
} as const
