import { printable } from "@skerry/model"
import { ADMIN, type Connection } from "@skerry/rpc"
import type { CallTo, ServiceCall } from "@skerry/services"

/** A call of the host, as the programs of domains have theirs. */
export function openHostCall(
  connection: Connection,
  { target, service, argument = "" }: CallTo,
  signal: AbortSignal,
): ServiceCall {
  const givenUp = new AbortController()
  const call = connection.call(
    ADMIN.call,
    { target, service, argument, deadlineMs: 0, parent: "", progress: false, pipes: false },
    { signal: AbortSignal.any([signal, givenUp.signal]) },
  )
  const exitCode = call.result.then((result) => result.exitCode)
  exitCode.catch(() => {}) // heard by whoever waits for it, which may be after the streams
  return {
    stdin: call.stdin,
    stdout: call.stdout,
    stderr: call.stderr,
    exitCode,
    cancel: () => givenUp.abort(),
  }
}

const TEXT_BYTES = 4096
const SAID_CHARACTERS = 500

/** What a domain gave as its reason, on one line: further lines would stand there like the host's own. Empty: nothing. */
export function saidBy(domain: string, untrustedText: string): string {
  const text = untrustedText.trim().replaceAll(/\s*\n\s*/g, " / ")
  const cut = text.length > SAID_CHARACTERS ? `${text.slice(0, SAID_CHARACTERS)}…` : text
  return cut === "" ? "" : `${domain} says: ${printable(cut)}`
}

/** What a domain said on standard error: a bounded beginning, as it came. */
export class UntrustedText {
  #text = ""
  readonly #onText: (untrustedText: string) => void

  constructor(stream: ServiceCall["stderr"], onText: (untrustedText: string) => void = () => {}) {
    this.#onText = onText
    stream.setEncoding("utf8")
    stream.on("data", (untrustedText: string) => {
      if (this.#text.length >= TEXT_BYTES) return
      this.#text = (this.#text + untrustedText).slice(0, TEXT_BYTES)
      this.#onText(this.#text)
    })
    stream.on("error", () => {}) // the call's result says what happened
  }

  get text(): string {
    return this.#text
  }
}
