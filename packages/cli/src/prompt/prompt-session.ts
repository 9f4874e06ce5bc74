import { ADMIN, type Connection, type OutgoingCall, type PrompterDown, type PrompterUp } from "@skerry/rpc"
import type { InputStream, OutputStream } from "../command.ts"
import { type Leaving, type PromptEvent, type PromptState, startPrompt, stepPrompt } from "./prompt-state.ts"
import { render } from "./render.ts"
import { Screen } from "./screen.ts"

/** A terminal that keys can be read from and that nobody else writes to meanwhile. */
export interface Terminal {
  readonly input: InputStream
  readonly output: OutputStream
}

export interface SessionOptions {
  /** For the audit log: who answers. */
  readonly name: string
  readonly signal: AbortSignal
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number
  /** Given while something is asked (`always`: from the beginning); returned by disposing of it. */
  readonly takeTerminal: () => Terminal & Disposable
  readonly always: boolean
}

/** How often the screen is drawn again: seconds count down, and a second of reading passes. */
const REDRAW_MS = 100

/** Shows questions and sends answers. Resolves when the person leaves; rejects when the daemon goes away. */
export async function servePrompts(connection: Connection, options: SessionOptions): Promise<Leaving> {
  await using session = new Session(connection, options)
  return await session.over
}

class Session implements AsyncDisposable {
  readonly #options: SessionOptions
  readonly #call: OutgoingCall<undefined, PrompterUp, PrompterDown>
  readonly #stop = new AbortController()
  readonly #left = Promise.withResolvers<Leaving>()
  #state: PromptState = startPrompt({ rows: 24, columns: 80 })
  #terminal: (Terminal & Disposable) | undefined
  #screen: Screen | undefined
  #redraw: NodeJS.Timeout | undefined
  readonly over: Promise<Leaving>

  constructor(connection: Connection, options: SessionOptions) {
    this.#options = options
    const signal = AbortSignal.any([options.signal, this.#stop.signal])
    this.#call = connection.call(
      ADMIN.prompter,
      { name: options.name },
      { signal, onEvent: (event) => this.#step({ kind: "down", event }) },
    )
    this.over = Promise.race([this.#left.promise, this.#call.result.then(() => "left" as const)])
    if (options.always) this.#open()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#close()
    this.#stop.abort(new Error("The person left"))
    await this.#call.result.catch(() => {}) // whoever waits for `over` has heard of it
  }

  #step(event: PromptEvent): void {
    const { state, effects } = stepPrompt(this.#state, event, this.#options.now())
    this.#state = state
    if (state.asked.length > 0) this.#open()
    else if (!this.#options.always) this.#close()
    for (const effect of effects) {
      if (effect.kind === "leave") this.#left.resolve(effect.how)
      else if (effect.kind === "bell") this.#screen?.bell()
      // Full: the daemon does not read, and will let us go.
      else this.#call.send(effect.event)
    }
    this.#draw()
  }

  #open(): void {
    if (this.#screen !== undefined) return
    const terminal = this.#options.takeTerminal()
    this.#terminal = terminal
    this.#screen = new Screen(terminal.input, terminal.output, {
      onKey: (key) => this.#step({ kind: "key", key }),
      onResize: (size) => this.#step({ kind: "resize", size }),
      onClosed: () => this.#left.resolve("left"),
    })
    this.#redraw = setInterval(() => this.#draw(), REDRAW_MS)
    this.#step({ kind: "resize", size: this.#screen.size })
  }

  #close(): void {
    clearInterval(this.#redraw)
    this.#screen?.[Symbol.dispose]()
    this.#terminal?.[Symbol.dispose]()
    this.#screen = undefined
    this.#terminal = undefined
  }

  #draw(): void {
    this.#screen?.show(render(this.#state, this.#options.now()))
  }
}
