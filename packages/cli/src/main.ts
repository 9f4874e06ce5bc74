#!/usr/bin/env node
import { hostPaths } from "@skerry/model"
import type { CommandContext, OutputStream } from "./command.ts"
import { dispatch, Interrupted } from "./dispatch.ts"
import { REGISTRY } from "./registry.ts"

/*
 * The composition root: the only place that reads the environment, and the only one that exits. Streams and
 * signal handlers are made when a command first touches them, because they cost start-up time.
 */

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const
const DEFAULT_COLUMNS = 80

const environment = process.env
const uid = process.getuid?.() ?? 0
let interruption: AbortController | undefined
let signalHandler: ((signal: NodeJS.Signals) => void) | undefined

function listen(): AbortController {
  if (interruption !== undefined) return interruption
  const controller = new AbortController()
  interruption = controller
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      if (signalHandler !== undefined) signalHandler(signal)
      // Who asks a second time does not want to wait for an orderly end.
      else if (controller.signal.aborted) process.exit(130)
      else controller.abort(new Interrupted(signal))
    })
  }
  return controller
}

const written = new Set<OutputStream>()

/** A reader that went away (`skerry ps | head -1`) ends the program quietly, as it does other filters. */
function output(stream: OutputStream): OutputStream {
  if (!written.has(stream)) {
    written.add(stream)
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE") process.exit(141)
      throw error
    })
  }
  return stream
}

const context: CommandContext = {
  get stdin() {
    return process.stdin
  },
  get stdout() {
    return output(process.stdout)
  },
  get stderr() {
    return output(process.stderr)
  },
  environment,
  get cwd() {
    return process.cwd()
  },
  uid,
  get paths() {
    return hostPaths(environment, uid)
  },
  get signal() {
    return listen().signal
  },
  takeSignals(handler) {
    listen()
    const before = signalHandler
    signalHandler = handler
    return {
      [Symbol.dispose]() {
        signalHandler = before
      },
    }
  },
  get columns() {
    return process.stdout.columns ?? DEFAULT_COLUMNS
  },
  coloursOn(stream) {
    return stream.isTTY === true && !environment.NO_COLOR && environment.TERM !== "dumb"
  },
  now: () => performance.now(),
  commands: REGISTRY,
  programUrl: import.meta.url,
}

async function main(): Promise<void> {
  const status = await dispatch(process.argv.slice(2), context)
  // A slow reader has not taken everything yet, and the rest would be lost.
  for (const stream of written) {
    if (stream.writableLength > 0) await new Promise<void>((resolve) => stream.write("", () => resolve()))
  }
  process.exit(status)
}

void main()
