import type { InputStream, OutputStream } from "../command.ts"
import type { Style } from "./body.ts"
import { type Key, KeyReader } from "./keys.ts"
import type { Size } from "./layout.ts"
import type { Line } from "./render.ts"

/*
 * The whole terminal, for as long as this is not disposed of: its other screen, nothing on it that was there before,
 * no automatic line breaks (a character that is wider than we think cannot push others out of place), and reports of
 * the window's getting and losing the keyboard.
 */
const ENTER = [
  "\u001b[?1049h", // the other screen
  "\u001b[!p\u001b(B\u000f", // whatever a program has set before: off
  "\u001b[?7l\u001b[?25l", // no automatic line breaks, no cursor
  "\u001b[?1004h\u001b[?2004h", // tell of the keyboard, mark what is pasted
  "\u001b[0m\u001b[2J",
].join("")
const LEAVE = "\u001b[?2004l\u001b[?1004l\u001b[0m\u001b[?7h\u001b[?25h\u001b[?1049l"

const STYLES: Readonly<Record<Style, string>> = {
  plain: "",
  bold: "\u001b[1m",
  dim: "\u001b[2m",
  chosen: "\u001b[7m",
}

export interface ScreenEvents {
  readonly onKey: (key: Key) => void
  readonly onResize: (size: Size) => void
  /** The terminal has gone. */
  readonly onClosed: () => void
}

export class Screen implements Disposable {
  readonly #input: InputStream
  readonly #output: OutputStream
  readonly #stack = new DisposableStack()
  #shown: string[] = []

  constructor(input: InputStream, output: OutputStream, { onKey, onResize, onClosed }: ScreenEvents) {
    this.#input = input
    this.#output = output
    const keys = new KeyReader()
    const read = (bytes: Buffer) => {
      for (const key of keys.push(bytes.toString("utf8"))) onKey(key)
    }
    const resize = () => {
      this.#shown = []
      onResize(sizeOf(output))
    }
    // Stopped and continued, the terminal was someone else's meanwhile.
    const resume = () => {
      this.#enter()
      resize()
    }
    // Whatever ends this process but SIGKILL leaves the terminal as it was.
    const leave = () => this.#output.write(LEAVE)
    this.#enter()
    this.#stack.defer(() => {
      leave()
      input.setRawMode?.(false)
    })
    this.#on(input, "data", read)
    this.#on(input, "end", onClosed)
    this.#on(input, "error", onClosed)
    this.#on(output, "error", onClosed)
    this.#on(output, "resize", resize)
    this.#on(process, "SIGCONT", resume)
    this.#on(process, "exit", leave)
    input.resume()
    this.#stack.defer(() => input.pause())
  }

  get size(): Size {
    return sizeOf(this.#output)
  }

  /** Writes what has changed. */
  show(lines: readonly Line[]): void {
    const painted = lines.map((line) =>
      line.map(({ text, style }) => (style === "plain" ? text : `${STYLES[style]}${text}\u001b[0m`)).join(""),
    )
    let changes = ""
    for (const [index, text] of painted.entries()) {
      if (this.#shown[index] !== text) changes += `\u001b[${index + 1};1H${text}\u001b[K`
    }
    this.#shown = painted
    if (changes !== "") this.#output.write(changes)
  }

  bell(): void {
    this.#output.write("\u0007")
  }

  [Symbol.dispose](): void {
    this.#stack.dispose()
  }

  #enter(): void {
    this.#input.setRawMode?.(true)
    this.#output.write(ENTER)
  }

  // biome-ignore lint/suspicious/noExplicitAny: the events of streams and of the process have no common type
  #on(emitter: NodeJS.EventEmitter, event: string, listener: (...words: any[]) => void): void {
    emitter.on(event, listener)
    this.#stack.defer(() => emitter.off(event, listener))
  }
}

const sizeOf = ({ rows = 24, columns = 80 }: OutputStream): Size => ({ rows, columns })
