import { Transform, type TransformCallback } from "node:stream"
import { StringDecoder } from "node:string_decoder"
import { printable, printableLines } from "@skerry/model"
import type { OutputStream } from "../command.ts"
import { wrapToWidth } from "../prompt/width.ts"

/** What a domain prints, as a terminal may show it: a terminal obeys whatever it is written. */
export function domainText(): Transform {
  const decoder = new StringDecoder("utf8")
  const show = (untrustedText: string, done: TransformCallback) =>
    done(null, printableLines(untrustedText.replaceAll("\r\n", "\n")))
  return new Transform({
    transform: (untrustedBytes: Buffer, _encoding, done) => show(decoder.write(untrustedBytes), done),
    flush: (done) => show(decoder.end(), done),
  })
}

const BAR = "  │ "
/** Characters of a line that has no end yet: more of it is shown as another line. */
const LINE_CHARACTERS = 1000

/** What a domain prints among the host's own words: beside a bar, so that nobody takes it for them. Disposing of it shows the rest. */
export class DomainLines implements Disposable {
  readonly #output: OutputStream
  #rest = ""

  constructor(output: OutputStream) {
    this.#output = output
  }

  show(untrustedText: string): void {
    const lines = (this.#rest + untrustedText).split("\n")
    this.#rest = lines.pop() ?? ""
    for (const line of lines) this.#write(line)
    if (this.#rest.length > LINE_CHARACTERS) this[Symbol.dispose]()
  }

  #write(untrustedLine: string): void {
    // A line that the terminal broke would go on outside the bar.
    const room = Math.max(8, (this.#output.columns ?? 80) - BAR.length - 1)
    for (const line of wrapToWidth(printable(untrustedLine.replace(/\r$/, "")), room)) {
      this.#output.write(`${BAR}${line}\n`)
    }
  }

  [Symbol.dispose](): void {
    if (this.#rest !== "") this.#write(this.#rest)
    this.#rest = ""
  }
}
