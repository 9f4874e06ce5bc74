import { closeSync, constants, openSync } from "node:fs"
import { ReadStream, WriteStream } from "node:tty"
import type { Connection } from "@skerry/rpc"
import type { CommandContext, OutputStream } from "../command.ts"
import { servePrompts, type Terminal } from "./prompt-session.ts"

export interface InlineOptions {
  /** The command that is waited for has a terminal of its own, or reads what is typed here. */
  readonly usesKeyboard: boolean
}

/**
 * Answers questions at the terminal that `skerry run` or `skerry call` waits in, until it is disposed of. Undefined
 * where that cannot be done safely: there is no terminal, or its keys are the command's own. While a question is shown,
 * nothing of the command's output reaches the terminal: a domain must not draw into it.
 */
export function inlinePrompter(
  context: Pick<CommandContext, "stdin" | "stdout" | "stderr" | "now">,
  connection: Connection,
  { usesKeyboard }: InlineOptions,
): AsyncDisposable | undefined {
  const { stdout, stderr, now } = context
  if (usesKeyboard || stderr.isTTY !== true) return undefined
  const tty = openTerminal()
  if (tty === undefined) return undefined
  const stop = new AbortController()
  const serving = servePrompts(connection, {
    name: `terminal of process ${process.pid}`,
    signal: stop.signal,
    now,
    always: false,
    takeTerminal: () => {
      const held = [stdout, stderr].filter((stream) => stream.isTTY === true)
      return holdBack(tty, held)
    },
  })
  // Without it the command goes on as well; its questions are refused, or others answer them.
  const ended = serving.then(
    (how) => {
      // The key meant the command; in its raw mode the terminal made no signal of it.
      if (how === "interrupted") process.kill(process.pid, "SIGINT")
    },
    () => {},
  )
  return {
    async [Symbol.asyncDispose]() {
      stop.abort(new Error("The command is over"))
      await ended
      tty.input.destroy()
      tty.output.destroy()
    },
  }
}

function holdBack(tty: Terminal, streams: readonly OutputStream[]): Terminal & Disposable {
  // What is written meanwhile waits in the stream, which takes no more once it is full.
  for (const stream of streams) stream.cork()
  return {
    ...tty,
    [Symbol.dispose]() {
      for (const stream of streams) stream.uncork()
    },
  }
}

/** The controlling terminal, by descriptors of our own: standard input and output may be anything. */
function openTerminal(): { input: ReadStream; output: WriteStream } | undefined {
  const opened: number[] = []
  try {
    for (let count = 0; count < 2; count++) {
      opened.push(openSync("/dev/tty", constants.O_RDWR | constants.O_NOCTTY))
    }
    const [input = -1, output = -1] = opened
    return { input: new ReadStream(input), output: new WriteStream(output) }
  } catch {
    for (const descriptor of opened) closeSync(descriptor)
    return undefined // there is none
  }
}
