import type { Readable } from "node:stream"

/** Largest piece of a console that onConsole gets: bounds what one call has to deal with. */
const CONSOLE_PIECE_CHARACTERS = 1024

/**
 * Hands on what a domain prints, in pieces of at most 4 KiB of UTF-8 (a UTF-16 unit takes at most three bytes).
 * Bytes that are no UTF-8 become U+FFFD.
 */
export function readConsole(untrustedStream: Readable, onConsole: (untrustedText: string) => void): void {
  untrustedStream.setEncoding("utf8")
  untrustedStream.on("data", (untrustedText: string) => {
    for (let at = 0; at < untrustedText.length; at += CONSOLE_PIECE_CHARACTERS) {
      onConsole(untrustedText.slice(at, at + CONSOLE_PIECE_CHARACTERS))
    }
  })
  // A console that breaks off ends like any other; what matters is the domain's exit.
  untrustedStream.on("error", () => untrustedStream.destroy())
}
