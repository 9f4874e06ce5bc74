import { fstatSync } from "node:fs"
import { constants } from "node:os"
import type { Readable, Writable } from "node:stream"
import { printableLines } from "@skerry/model"
import {
  type CommandDown,
  type CommandResult,
  type CommandSpec,
  type CommandUp,
  type OutgoingCall,
  RemoteError,
  RpcError,
} from "@skerry/rpc"
import { CliError } from "./cli-error.ts"
import type { CommandContext } from "./command.ts"

type Call = OutgoingCall<CommandResult, CommandUp, CommandDown>
export type StartCall = (options: { signal: AbortSignal; onEvent: (event: CommandDown) => void }) => Call

/** What each interrupt from the keyboard asks of the command: the second and third are for one that does not listen. */
const ESCALATION = ["SIGINT", "SIGTERM", "SIGKILL"] as const

/** Standard input and output are both pipes: then bulk data may pass around all of Skerry's own processes. */
export function canHandOver(terminal: CommandSpec["terminal"]): boolean {
  return terminal === undefined && isPipe(0) && isPipe(1)
}

export function isPipe(descriptor: number): boolean {
  try {
    return fstatSync(descriptor).isFIFO()
  } catch {
    return false // closed
  }
}

/** Carries a command's streams, signals and terminal between this process and its domain; its exit status. */
export async function carryCommand(
  context: CommandContext,
  spec: CommandSpec,
  start: StartCall,
): Promise<number> {
  const session = new Session(context, spec)
  return session.run(start)
}

class Session {
  readonly #context: CommandContext
  readonly #spec: CommandSpec
  readonly #giveUp = new AbortController()
  readonly #handover = Promise.withResolvers<"streams" | "descriptors">()
  #hasStarted = false
  #interrupts = 0
  #interruptedBy: NodeJS.Signals | undefined
  #hasShownWaiting = false
  #isReadingInput = false
  #handedOver: AsyncDisposable | undefined

  constructor(context: CommandContext, spec: CommandSpec) {
    this.#context = context
    this.#spec = spec
  }

  async run(start: StartCall): Promise<number> {
    try {
      return await this.#carry(start)
    } catch (error) {
      return this.#fail(error) // where there is a terminal, it has its mode back by now
    }
  }

  async #carry(start: StartCall): Promise<number> {
    const terminal = this.#spec.terminal && (await import("./client-terminal.ts"))
    await using stack = new AsyncDisposableStack()
    const call: Call = start({
      signal: this.#giveUp.signal,
      onEvent: (event) => this.#onEvent(event, call),
    })
    stack.use(this.#context.takeSignals((signal) => this.#onSignal(signal, call)))
    if (terminal !== undefined) {
      stack.use(terminal.takeTerminal(this.#context, (size) => call.send({ kind: "resize", ...size })))
    }
    const output = this.#join(call)
    try {
      const { exit } = await call.result
      this.#handover.resolve("streams") // a command that was over before it was heard to have started
      await output
      await this.#handedOver?.[Symbol.asyncDispose]()
      return exit.kind === "code" ? exit.code : 128 + exit.signal
    } finally {
      this.#clearWaiting()
      // It may be open for ever (a terminal), and would keep this process.
      if (this.#isReadingInput) this.#context.stdin.unpipe().pause()
    }
  }

  async #join(call: Call): Promise<void> {
    // Input that is to be handed over must not be touched: what was read here would be missing there.
    if (this.#spec.offersDescriptors && (await this.#handover.promise) === "descriptors") return
    const { stdin, stdout, stderr } = this.#context
    this.#isReadingInput = true
    stdin.on("error", () => call.stdin.end()) // a terminal that went away: the input ends
    call.stdin.on("error", () => {}) // the command needs no more input; its result says how it ended
    stdin.pipe(call.stdin)
    await Promise.all([copy(call.stdout, stdout), copy(call.stderr, stderr)])
  }

  #onEvent(event: CommandDown, call: Call): void {
    switch (event.kind) {
      case "waiting":
        this.#showWaiting(event.state, event.inLine)
        return
      case "started":
        this.#hasStarted = true
        this.#clearWaiting()
        this.#handover.resolve("streams") // unless descriptors were asked for before
        return
      case "descriptorsWanted":
        void this.#handOver(event.token, call)
        return
    }
  }

  async #handOver(token: string, call: Call): Promise<void> {
    try {
      const { handOverPipes } = await import("./client-descriptors.ts")
      this.#handedOver = await handOverPipes(this.#context, token)
      this.#handover.resolve("descriptors")
      call.send({ kind: "descriptorsSent" })
    } catch {
      // Streams do the same, only slower.
      this.#handover.resolve("streams")
      call.send({ kind: "descriptorsRefused" })
    }
  }

  #onSignal(signal: NodeJS.Signals, call: Call): void {
    if (signal === "SIGINT") this.#interrupts += 1
    if (!this.#hasStarted || this.#interrupts > ESCALATION.length) {
      this.#interruptedBy = signal
      this.#giveUp.abort(new CliError("interrupted", `Interrupted by ${signal}`))
      return
    }
    const passed = signal === "SIGINT" ? (ESCALATION[this.#interrupts - 1] ?? signal) : signal
    call.send({ kind: "signal", signal: constants.signals[passed] })
  }

  #fail(error: unknown): number {
    if (this.#interruptedBy !== undefined) return 128 + constants.signals[this.#interruptedBy]
    if (error instanceof RemoteError) {
      const status = { "command-not-found": 127, "command-not-executable": 126 }[error.code]
      if (status === undefined) throw error
      this.#context.stderr.write(`skerry: ${printableLines(error.message)}\n`)
      return status
    }
    if (error instanceof RpcError && error.code === "connection-closed") {
      throw new CliError("refused", 'The daemon ended under the command: "skerry daemon --log" shows why', {
        cause: error,
      })
    }
    throw error
  }

  #showWaiting(state: string, inLine: number): void {
    const { stderr } = this.#context
    if (stderr.isTTY !== true) return
    this.#hasShownWaiting = true
    stderr.write(`\r\u001b[K${WAITING[state] ?? state}${state === "queued" ? ` (${inLine} in line)` : ""} …`)
  }

  #clearWaiting(): void {
    if (this.#hasShownWaiting) this.#context.stderr.write("\r\u001b[K")
    this.#hasShownWaiting = false
  }
}

const WAITING: Readonly<Record<string, string>> = {
  queued: "waiting for other starts",
  preparing: "making the template, once for this image",
  starting: "starting",
  identifying: "starting",
}

/** Resolves when the source has ended and the target has taken all of it. */
async function copy(source: Readable, target: Writable): Promise<void> {
  source.pipe(target, { end: false })
  await new Promise<void>((resolve) => {
    source.once("end", resolve)
    source.once("close", resolve)
  })
  if (target.writableLength > 0) await new Promise<void>((resolve) => target.write("", () => resolve()))
}
