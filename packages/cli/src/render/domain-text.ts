import { Transform, type TransformCallback } from "node:stream"
import { StringDecoder } from "node:string_decoder"
import { printableLines } from "@skerry/model"

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
