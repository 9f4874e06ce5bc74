import { randomBytes } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { openLinux } from "@skerry/linux"
import { type CallState, Fail, type Method, Multiplexer } from "@skerry/rpc"
import { decode, encode, FrameReader, Writer } from "@skerry/wire"
import { stateHandlers } from "../state-handlers.ts"
import { StateKeeper } from "../state-keeper.ts"

const linux = openLinux()

export const KEY = { kind: "passphrase", passphrase: "correct horse" } as const
export const KEY_FILE = { kind: "keyFile", content: Buffer.alloc(32, "k") } as const

/** A call that is under way. */
export interface Begun {
  readonly end: { readonly type?: "return" | "fail"; readonly payload?: Uint8Array }
  readonly output: readonly Buffer[]
  cancel(): void
}

/** Turns in which nothing but time passes, before a call is given up. */
const MOST_TURNS = 100_000

/** A keeper of a store on disk, and a caller that is joined to its handlers in memory. */
export class StateCaller implements Disposable {
  readonly directory = mkdtempSync(join(tmpdir(), "skerry-state-calls-"))
  keeper: StateKeeper
  #alarms: { readonly at: number; readonly action: () => void }[] = []
  #time = 0
  /** Called in each turn of the server in which time passes: what clients do meanwhile. */
  meanwhile = () => {}
  readonly #caller: Multiplexer
  readonly #callee: Multiplexer

  constructor() {
    this.keeper = this.#makeKeeper()
    this.#caller = new Multiplexer({ onCall: undefined, onReady: () => {} })
    this.#callee = new Multiplexer({
      onCall: (call, id, untrustedParams) => {
        const handler = stateHandlers(this.keeper).find((each) => each.id === id)
        handler?.start(call, untrustedParams)
      },
      onReady: () => {},
    })
  }

  /** The server ends, and another one takes its place. */
  restart(): void {
    this.keeper[Symbol.dispose]()
    this.keeper = this.#makeKeeper()
  }

  /** Throws an Error with the failure's code as its message. */
  call<P, R, U, D>(
    method: Method<P, R, U, D>,
    params: P,
    input: Uint8Array = new Uint8Array(),
  ): { readonly result: R; readonly output: Buffer } {
    const begun = this.begin(method, params, input)
    this.run(() => begun.end.payload !== undefined)
    const { payload, type } = begun.end
    if (payload === undefined) throw new Error("no-answer")
    if (type === "fail") throw Object.assign(new Error(decode(Fail, payload).message), decode(Fail, payload))
    return { result: decode(method.result, payload), output: Buffer.concat(begun.output) }
  }

  begin<P, R, U, D>(method: Method<P, R, U, D>, params: P, input: Uint8Array = new Uint8Array()): Begun {
    const call = this.#caller.call()
    const output: Buffer[] = []
    call.received(1).attach((bytes) => {
      if (bytes !== null) output.push(Buffer.from(bytes))
      return true
    })
    call.received(1).pull()
    const end = this.#listen(call)
    const writer = new Writer()
    writer.u16(method.id)
    writer.bytes(encode(method.params, params))
    call.open(writer.finish())
    call.sent(0).write(input, () => call.sent(0).end(() => {}))
    return { end, output, cancel: () => call.cancel() }
  }

  /** What the server has yet to do when time has passed. */
  get waiting(): number {
    return this.#alarms.length
  }

  rows<T, P, R, U, D>(method: Method<P, R, U, D>, params: P): T[] {
    const lines = this.call(method, params).output.toString().split("\n").filter(Boolean)
    return lines.map((line) => JSON.parse(line) as T)
  }

  [Symbol.dispose](): void {
    this.keeper[Symbol.dispose]()
    rmSync(this.directory, { recursive: true })
  }

  #makeKeeper(): StateKeeper {
    return new StateKeeper({
      directory: this.directory,
      linux,
      clock: {
        after: (ms, action) => {
          const alarm = { at: this.#time + ms, action }
          this.#alarms.push(alarm)
          return () => {
            this.#alarms = this.#alarms.filter((each) => each !== alarm)
          }
        },
        now: () => this.#time++,
      },
      randomBytes,
      now: Date.now,
      limitBytes: Number.POSITIVE_INFINITY,
      log: (line) => {
        throw new Error(line)
      },
    })
  }

  #listen(call: CallState) {
    const end: { type?: "return" | "fail"; payload?: Uint8Array } = {}
    call.listen({
      onEvent: () => {},
      onCancel: () => {},
      onEnd: (type, payload) => Object.assign(end, { type, payload: Uint8Array.from(payload) }),
    })
    return end
  }

  /** Carries frames, and lets time pass where nothing else is left to do. */
  run(isDone: () => boolean): void {
    const down = new FrameReader()
    const up = new FrameReader()
    for (let turns = 0; !isDone() && turns < MOST_TURNS; ) {
      const sent = carry(this.#caller, this.#callee, up) + carry(this.#callee, this.#caller, down)
      if (sent > 0) continue
      turns += 1
      this.meanwhile()
      this.#time += 100
      const due = this.#alarms.filter(({ at }) => at <= this.#time)
      this.#alarms = this.#alarms.filter(({ at }) => at > this.#time)
      for (const { action } of due) action()
    }
  }
}

function carry(from: Multiplexer, to: Multiplexer, reader: FrameReader): number {
  let count = 0
  for (let frame = from.nextFrame(); frame !== undefined; frame = from.nextFrame()) {
    for (const part of [frame.head, frame.body ?? new Uint8Array()])
      reader.push(part, (each) => to.receive(each))
    count += 1
  }
  return count
}
